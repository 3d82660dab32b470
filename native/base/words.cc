// words.cc - see words.h.
#include "base/words.h"

#include <array>
#include <cstddef>

namespace unionfs::words {
namespace {

// What may follow a first byte: how many bytes, and the range of the first of them. The ranges are what rules out
// overlong forms, surrogates and numbers too large.
struct Form {
  unsigned char first, last;
  size_t following;
  unsigned char low, high;
};

constexpr std::array<Form, 8> kForms{{
    {0xc2, 0xdf, 1, 0x80, 0xbf},
    {0xe0, 0xe0, 2, 0xa0, 0xbf},
    {0xe1, 0xec, 2, 0x80, 0xbf},
    {0xed, 0xed, 2, 0x80, 0x9f},
    {0xee, 0xef, 2, 0x80, 0xbf},
    {0xf0, 0xf0, 3, 0x90, 0xbf},
    {0xf1, 0xf3, 3, 0x80, 0xbf},
    {0xf4, 0xf4, 3, 0x80, 0x8f},
}};

unsigned char byteAt(std::string_view bytes, size_t at) { return static_cast<unsigned char>(bytes[at]); }

// The length of the character at `at`; 0 when there is none.
size_t characterLength(std::string_view bytes, size_t at) {
  const unsigned char first = byteAt(bytes, at);
  if (first < 0x80) return 1;
  for (const Form& form : kForms) {
    if (first < form.first || first > form.last) continue;
    if (bytes.size() - at <= form.following) return 0;
    if (byteAt(bytes, at + 1) < form.low || byteAt(bytes, at + 1) > form.high) return 0;
    for (size_t i = 2; i <= form.following; ++i) {
      if ((byteAt(bytes, at + i) & 0xc0) != 0x80) return 0;
    }
    return form.following + 1;
  }
  return 0;
}

}  // namespace

bool isUtf8(std::string_view bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const size_t length = characterLength(bytes, at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

std::string shownBytes(std::string_view bytes) {
  std::string text = "$'";
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    if (byte == '\'' || byte == '\\') {
      text += '\\';
      text += byte;
    } else if (value >= 0x20 && value < 0x7f) {
      text += byte;
    } else {
      text += '\\';
      for (const int shift : {6, 3, 0}) text += static_cast<char>('0' + ((value >> shift) & 7));
    }
  }
  return text + "'";
}

}  // namespace unionfs::words
