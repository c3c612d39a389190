// Verifies logs and receipts of this gateway by packages that no one here wrote: golang.org/x/mod/sumdb/note and
// .../tlog as Debian ships them. The glue reads the files of C2SP tlog-tiles and tlog-proof; every hash, proof and
// signature is theirs. tlog.TileHashReader is not used (CVE-2026-56865): the tree is rebuilt from the entries.
//
//	verifier log -key VKEY [-earlier CHECKPOINT] DIR
//	verifier receipt -key VKEY FILE
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const tileHeight = 8

type checkpoint struct {
	origin string
	tree   tlog.Tree
}

// openCheckpoint verifies a signed checkpoint by the key and parses it.
func openCheckpoint(text []byte, verifier note.Verifier) (*checkpoint, error) {
	n, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return nil, err
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) < 4 {
		return nil, errors.New("checkpoint has fewer than three lines")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return nil, errors.New("checkpoint has a malformed size")
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return nil, err
	}
	if lines[0] != verifier.Name() {
		return nil, errors.New("checkpoint is of another log")
	}
	return &checkpoint{lines[0], tlog.Tree{N: size, Hash: root}}, nil
}

// name is a tile's path in the directory: theirs without the height, which C2SP fixes.
func name(t tlog.Tile) string {
	path := strings.TrimPrefix(t.Path(), "tile/8/")
	return "tile/" + strings.Replace(path, "data/", "entries/", 1)
}

// readTile reads a tile under its own name, or the full one that may have taken a partial one's place.
func readTile(dir string, t tlog.Tile, unit int) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(dir, name(t)))
	if os.IsNotExist(err) && t.W < 1<<tileHeight {
		full := t
		full.W = 1 << tileHeight
		data, err = os.ReadFile(filepath.Join(dir, name(full)))
		if err == nil && unit > 0 && len(data) >= t.W*unit {
			data = data[:t.W*unit]
		}
	}
	return data, err
}

// entries splits a bundle; a full one may hold more than a partial one needs.
func entries(bundle []byte, want int) ([][]byte, error) {
	var list [][]byte
	for len(bundle) > 0 {
		if len(bundle) < 2 {
			return nil, errors.New("entry bundle is cut")
		}
		n := int(binary.BigEndian.Uint16(bundle))
		bundle = bundle[2:]
		if len(bundle) < n {
			return nil, errors.New("entry bundle is cut")
		}
		list = append(list, bundle[:n])
		bundle = bundle[n:]
	}
	if len(list) != want && len(list) != 1<<tileHeight {
		return nil, fmt.Errorf("entry bundle holds %d entries, not %d", len(list), want)
	}
	return list[:want], nil
}

type storage []tlog.Hash

func (s storage) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(s)) {
			return nil, errors.New("hash beyond the tree")
		}
		out[i] = s[index]
	}
	return out, nil
}

func width(size, n int64) int {
	if (n+1)<<tileHeight <= size {
		return 1 << tileHeight
	}
	return int(size - n<<tileHeight)
}

// rebuild hashes every entry of the directory.
func rebuild(dir string, size int64) (storage, error) {
	var s storage
	for n := int64(0); n<<tileHeight < size; n++ {
		t := tlog.Tile{H: tileHeight, L: -1, N: n, W: width(size, n)}
		bundle, err := readTile(dir, t, 0)
		if err != nil {
			return nil, err
		}
		list, err := entries(bundle, t.W)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name(t), err)
		}
		for i, entry := range list {
			hashes, err := tlog.StoredHashes(n<<tileHeight+int64(i), entry, s)
			if err != nil {
				return nil, err
			}
			s = append(s, hashes...)
		}
	}
	return s, nil
}

func compareTiles(dir string, size int64, s storage) error {
	for level := 0; size>>(tileHeight*level) > 0; level++ {
		hashes := size >> (tileHeight * level)
		for n := int64(0); n<<tileHeight < hashes; n++ {
			t := tlog.Tile{H: tileHeight, L: level, N: n, W: width(hashes, n)}
			want, err := tlog.ReadTileData(t, s)
			if err != nil {
				return err
			}
			have, err := readTile(dir, t, tlog.HashSize)
			if err != nil {
				return err
			}
			if !bytes.Equal(have, want) {
				return fmt.Errorf("%s is not the tile of these entries", name(t))
			}
		}
	}
	return nil
}

func verifyLog(dir string, verifier note.Verifier, earlier string) error {
	text, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return err
	}
	c, err := openCheckpoint(text, verifier)
	if err != nil {
		return err
	}
	s, err := rebuild(dir, c.tree.N)
	if err != nil {
		return err
	}
	root, err := tlog.TreeHash(c.tree.N, s)
	if err != nil {
		return err
	}
	if root != c.tree.Hash {
		return errors.New("the entries do not have the signed root")
	}
	if err := compareTiles(dir, c.tree.N, s); err != nil {
		return err
	}
	if earlier != "" {
		if err := verifyGrowth(earlier, verifier, c, s); err != nil {
			return err
		}
	}
	fmt.Printf("verified: %d entries of %s, root %s\n", c.tree.N, c.origin, root)
	return nil
}

func verifyGrowth(path string, verifier note.Verifier, c *checkpoint, s storage) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	old, err := openCheckpoint(text, verifier)
	if err != nil {
		return err
	}
	if old.tree.N > c.tree.N {
		return fmt.Errorf("rolled back: %d entries were seen, %d are here", old.tree.N, c.tree.N)
	}
	proof, err := tlog.ProveTree(c.tree.N, old.tree.N, s)
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, c.tree.N, c.tree.Hash, old.tree.N, old.tree.Hash)
}

// verifyReceipt reads C2SP tlog-proof; the entry is what the extra line carries.
func verifyReceipt(path string, verifier note.Verifier) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, text, found := strings.Cut(string(data), "\n\n")
	if !found {
		return errors.New("receipt has no checkpoint")
	}
	lines := strings.Split(head, "\n")
	if len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" || !strings.HasPrefix(lines[1], "extra ") ||
		!strings.HasPrefix(lines[2], "index ") {
		return errors.New("receipt is malformed")
	}
	entry, err := base64.StdEncoding.Strict().DecodeString(lines[1][len("extra "):])
	if err != nil {
		return err
	}
	index, err := strconv.ParseInt(lines[2][len("index "):], 10, 64)
	if err != nil || strconv.FormatInt(index, 10) != lines[2][len("index "):] {
		return errors.New("receipt has a malformed index")
	}
	var proof tlog.RecordProof
	for _, line := range lines[3:] {
		h, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		proof = append(proof, h)
	}
	c, err := openCheckpoint([]byte(text), verifier)
	if err != nil {
		return err
	}
	if index < 0 || index >= c.tree.N {
		return errors.New("receipt has an index beyond its tree")
	}
	if err := tlog.CheckRecord(proof, c.tree.N, c.tree.Hash, index, tlog.RecordHash(entry)); err != nil {
		return err
	}
	fmt.Printf("verified: entry %d of %d of %s\n%s\n", index, c.tree.N, c.origin, entry)
	return nil
}

func run(args []string) error {
	if len(args) < 1 {
		return errors.New("usage: verifier log|receipt -key VKEY [-earlier CHECKPOINT] PATH")
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	key := flags.String("key", "", "verifier key of the log")
	earlier := flags.String("earlier", "", "a checkpoint that was kept")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	verifier, err := note.NewVerifier(*key)
	if err != nil {
		return err
	}
	switch {
	case args[0] == "log" && flags.NArg() == 1:
		return verifyLog(flags.Arg(0), verifier, *earlier)
	case args[0] == "receipt" && flags.NArg() == 1:
		return verifyReceipt(flags.Arg(0), verifier)
	}
	return errors.New("usage: verifier log|receipt -key VKEY [-earlier CHECKPOINT] PATH")
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "verifier:", err)
		os.Exit(1)
	}
}
