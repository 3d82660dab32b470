// opcodes.h - THE table of FUSE operations. A new operation is one row and one handler.
#pragma once

#include <array>
#include <string_view>

#include "fuse/handlers.h"

namespace unionfs {

enum class ReplyRule {
  expected,  // the kernel waits for a reply
  none,      // a reply would be an error
};

struct OpcodeRow {
  std::string_view name;  // as in statistics; empty: there is no such operation
  Handler handler = nullptr;
  uint16_t minimum = 0;  // bytes of fixed arguments
  uint8_t names = 0;     // texts ended by NUL behind them
  ReplyRule reply = ReplyRule::expected;
};

// Indexed by opcode.
extern const std::array<OpcodeRow, abi::kOpcodeLimit> kOpcodes;

// Null for an opcode nobody knows.
const OpcodeRow* findOpcode(uint32_t opcode);

}  // namespace unionfs
