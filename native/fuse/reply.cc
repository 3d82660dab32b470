// reply.cc - the union's words in wire form.
#include "fuse/reply.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace unionfs {
namespace {

abi::SxTime encodeTime(const Time& time) { return {.tv_sec = time.sec, .tv_nsec = time.nsec, .reserved = 0}; }

Validity validityOf(const Attr& attr, Validity wanted) { return attr.momentary ? Validity{0, 0} : wanted; }

}  // namespace

uint32_t encodeDevice(dev_t device) {
  const unsigned high = major(device);
  const unsigned low = minor(device);
  return (low & 0xffU) | (high << 8) | ((low & ~0xffU) << 12);
}

dev_t decodeDevice(uint32_t device) { return makedev((device & 0xfff00U) >> 8, (device & 0xffU) | ((device >> 12) & 0xfff00U)); }

abi::Attr encodeAttr(const Attr& attr) {
  abi::Attr out{};
  out.ino = attr.ino;
  out.size = attr.size;
  out.blocks = attr.blocks;
  out.atime = static_cast<uint64_t>(attr.atime.sec);
  out.mtime = static_cast<uint64_t>(attr.mtime.sec);
  out.ctime = static_cast<uint64_t>(attr.ctime.sec);
  out.atimensec = attr.atime.nsec;
  out.mtimensec = attr.mtime.nsec;
  out.ctimensec = attr.ctime.nsec;
  out.mode = attr.mode;
  out.nlink = attr.nlink;
  out.uid = attr.uid;
  out.gid = attr.gid;
  out.rdev = encodeDevice(attr.rdev);
  out.blksize = attr.blksize;
  return out;
}

abi::EntryOut encodeEntry(const Entry& entry, Validity validity) {
  abi::EntryOut out{};
  out.nodeid = entry.node;
  out.entry_valid = validity.seconds;
  out.entry_valid_nsec = validity.nanoseconds;
  const Validity attrValidity = validityOf(entry.attr, validity);
  out.attr_valid = attrValidity.seconds;
  out.attr_valid_nsec = attrValidity.nanoseconds;
  out.attr = encodeAttr(entry.attr);
  return out;
}

abi::EntryOut encodeAbsence(Validity validity) {
  abi::EntryOut out{};
  out.entry_valid = validity.seconds;
  out.entry_valid_nsec = validity.nanoseconds;
  return out;
}

abi::AttrOut encodeAttrOut(const Attr& attr, Validity wanted) {
  const Validity validity = validityOf(attr, wanted);
  abi::AttrOut out{};
  out.attr_valid = validity.seconds;
  out.attr_valid_nsec = validity.nanoseconds;
  out.attr = encodeAttr(attr);
  return out;
}

abi::StatxOut encodeStatx(const Attr& attr, Validity wanted) {
  const Validity validity = validityOf(attr, wanted);
  abi::StatxOut out{};
  out.attr_valid = validity.seconds;
  out.attr_valid_nsec = validity.nanoseconds;
  abi::Statx& stat = out.stat;
  stat.mask = STATX_BASIC_STATS | (attr.btime ? STATX_BTIME : 0U);
  stat.blksize = attr.blksize;
  stat.attributes = attr.attributes;
  stat.attributes_mask = attr.attributesMask;
  stat.nlink = attr.nlink;
  stat.uid = attr.uid;
  stat.gid = attr.gid;
  stat.mode = static_cast<uint16_t>(attr.mode);
  stat.ino = attr.ino;
  stat.size = attr.size;
  stat.blocks = attr.blocks;
  stat.atime = encodeTime(attr.atime);
  stat.mtime = encodeTime(attr.mtime);
  stat.ctime = encodeTime(attr.ctime);
  if (attr.btime) stat.btime = encodeTime(*attr.btime);
  stat.rdev_major = major(attr.rdev);
  stat.rdev_minor = minor(attr.rdev);
  return out;
}

abi::Kstatfs encodeStatfs(const StatFs& stat) {
  abi::Kstatfs out{};
  out.blocks = stat.blocks;
  out.bfree = stat.bfree;
  out.bavail = stat.bavail;
  out.files = stat.files;
  out.ffree = stat.ffree;
  out.bsize = stat.bsize;
  out.namelen = stat.namelen;
  out.frsize = stat.frsize;
  return out;
}

void DirPacker::putDirent(const DirEntry& entry, size_t padded) {
  const abi::DirentHead head{
      .ino = entry.ino, .off = entry.cookie, .namelen = static_cast<uint32_t>(entry.name.size()), .type = entry.type};
  std::byte* at = into_.data() + used_;
  std::memcpy(at, &head, sizeof head);
  std::memcpy(at + sizeof head, entry.name.data(), entry.name.size());
  const size_t written = sizeof head + entry.name.size();
  std::memset(at + written, 0, padded - written);
  used_ += padded;
}

bool DirPacker::add(const DirEntry& entry) {
  const size_t padded = abi::recordAlign(sizeof(abi::DirentHead) + entry.name.size());
  if (padded > into_.size() - used_) return false;
  putDirent(entry, padded);
  return true;
}

bool DirPacker::addPlus(const DirEntry& entry, const Entry* resolved) {
  const size_t padded = abi::recordAlign(sizeof(abi::DirentHead) + entry.name.size());
  if (sizeof(abi::EntryOut) + padded > into_.size() - used_) return false;
  abi::EntryOut out{};
  if (resolved != nullptr) out = encodeEntry(*resolved, validity_);
  std::memcpy(into_.data() + used_, &out, sizeof out);
  used_ += sizeof out;
  putDirent(entry, padded);
  return true;
}

}  // namespace unionfs
