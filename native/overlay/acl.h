// acl.h - POSIX ACLs as xattr values: struct posix_acl_xattr_header and _entry (linux/posix_acl_xattr.h), little-endian, a
// version, then entries of tag, permissions and id.
//
// An access ACL and the permission bits are two views of one thing: the entries of the owner, of all others and of the mask
// (of the group, without a mask) are the bits. Where modes are kept outside of the inode, the bits that are kept count.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace unionfs::acl {

inline constexpr const char* kAccess = "system.posix_acl_access";
inline constexpr const char* kDefault = "system.posix_acl_default";

inline bool isName(std::string_view xattr) { return xattr == kAccess || xattr == kDefault; }

inline constexpr uint16_t kOwner = 0x01, kUser = 0x02, kOwningGroup = 0x04, kGroup = 0x08, kMask = 0x10, kOthers = 0x20;

uint32_t readLittle(const char* at, size_t size);
void writeLittle(char* at, uint32_t value, size_t size);

// Runs `visit(tag, char* permissions, char* id)` on each whole entry; 2 and 4 bytes.
template <typename Visit>
void forEachEntry(std::string& value, Visit&& visit) {
  constexpr size_t kHeader = 4, kEntry = 8, kPermissions = 2, kId = 4;
  for (size_t at = kHeader; at + kEntry <= value.size(); at += kEntry)
    visit(static_cast<uint16_t>(readLittle(&value[at], 2)), &value[at + kPermissions], &value[at + kId]);
}

// The ACL with the permission bits of `mode`.
std::string withBits(std::string value, mode_t mode);
// `mode` with the permission bits that the ACL says.
mode_t bitsFrom(std::string value, mode_t mode);
// The ACL with all rights for the file's owner.
std::string openToOwner(std::string value);

}  // namespace unionfs::acl
