#define FAKE_OPCODE 1
