// acl.cc - see acl.h.
#include "overlay/acl.h"

#include <utility>

namespace unionfs::acl {

namespace {

constexpr size_t kBytes = 2;  // of permissions
constexpr unsigned kAll = 07;

// Which three of the mode an entry is; 9 for one that is none of them.
constexpr unsigned kNoBits = 9;
unsigned shiftOf(uint16_t tag, bool hasMask) {
  if (tag == kOwner) return 6;
  if (tag == (hasMask ? kMask : kOwningGroup)) return 3;
  return tag == kOthers ? 0 : kNoBits;
}

bool hasMask(std::string& value) {
  bool found = false;
  forEachEntry(value, [&found](uint16_t tag, char*, char*) { found |= tag == kMask; });
  return found;
}

}  // namespace

uint32_t readLittle(const char* at, size_t size) {
  uint32_t value = 0;
  for (size_t i = 0; i < size; ++i) value |= static_cast<uint32_t>(static_cast<unsigned char>(at[i])) << (8 * i);
  return value;
}

void writeLittle(char* at, uint32_t value, size_t size) {
  for (size_t i = 0; i < size; ++i) at[i] = static_cast<char>(value >> (8 * i));
}

std::string withBits(std::string value, mode_t mode) {
  const bool masked = hasMask(value);
  forEachEntry(value, [&](uint16_t tag, char* permissions, char*) {
    if (const unsigned shift = shiftOf(tag, masked); shift != kNoBits) writeLittle(permissions, mode >> shift & kAll, kBytes);
  });
  return value;
}

mode_t bitsFrom(std::string value, mode_t mode) {
  const bool masked = hasMask(value);
  forEachEntry(value, [&](uint16_t tag, const char* permissions, char*) {
    const unsigned shift = shiftOf(tag, masked);
    if (shift != kNoBits) mode = (mode & ~(kAll << shift)) | (readLittle(permissions, kBytes) & kAll) << shift;
  });
  return mode;
}

std::string openToOwner(std::string value) {
  forEachEntry(value, [](uint16_t tag, char* permissions, char*) {
    if (tag == kOwner) writeLittle(permissions, kAll, kBytes);
  });
  return value;
}

}  // namespace unionfs::acl
