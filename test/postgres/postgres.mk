# make check-postgres: every migration runs, and every statement is prepared, in a PostgreSQL of its own.
$(B)/print-sql: $(B)/test/postgres/print_sql.o $(call archives_of,$(CORE))
	$(Q)$(CC) $(LDFLAGS) -o $@ -Wl,--start-group $^ -Wl,--end-group $(LDLIBS)
check-postgres: $(B)/print-sql
	@test/install.sh $(DEBIAN_LONG)
	@test/postgres/check.sh $(B)/print-sql
.PHONY: check-postgres
