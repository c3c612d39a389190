# Core's side of the rig, which all cases use, is no case itself.
$(B)/check-edge: $(B)/test/edge/core_side.o
