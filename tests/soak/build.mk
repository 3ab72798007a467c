# The soak: mixed load for a time, nothing lost and nothing grown.
#
#   make check-soak                          20 s, natively and under the shim
#   make check-soak SOAK='--minutes 30'      tests/soak/run --help

soak_out := $(B)/tests/soak
SOAK ?=

.PHONY: soak check-soak
soak: $(soak_out)/soak

check-soak: all soak
	tests/soak/run --build $(B) $(SOAK)

$(soak_out)/soak: $(wildcard tests/soak/*.[ch]) tests/programs/test.h tests/programs/net.h
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -O2 -g -Wall -Wextra -D_GNU_SOURCE -I. -pthread -o $@ $(filter %.c,$^)
