# corun and coroctl as their users meet them. TOOLS='test_gdb test_where' runs those alone.

tools_fake := $(B)/tests/tools/fake_server

# The server alone, without the runtime behind it.
tools_server := $(call objects,$(wildcard shim/conf*.c shim/control*.c) \
	shim/format.c shim/log.c runtime/files.c runtime/mem.c)

$(tools_fake): tests/tools/fake_server.c tests/tools/fake_runtime.c $(tools_server)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(tool_flags) -o $@ $^ -pthread

check-tools: $(tools_fake)
	tests/tools/run $(B) $(TOOLS)
