// marker.h - every mark a union leaves in a layer, in every dialect, read and written here alone.
//
//   whiteout    character device 0:0 (kernel) | file `.wh.NAME` (AUFS, OCI) | empty file with xattr `overlay.whiteout` in a
//               directory whose opaque xattr is `x` (kernel 6.7, composefs)
//   opaque      xattr trusted.overlay.opaque | user.overlay.opaque | user.fuseoverlayfs.opaque = `y` | file `.wh..wh..opq`
//   origin      xattr overlay.origin: the lower file a copy was made of, as kernel overlayfs encodes it (struct ovl_fb)
//   redirect    xattr overlay.redirect: a directory whose lower part has another name | recognized, never written
//   metacopy    xattr overlay.metacopy: a file whose data lies below                    | the same
//   impure      xattr overlay.impure = `y`: the upper directory holds copies, whose inode numbers come from their origins
// Source: Documentation/filesystems/overlayfs.rst, fs/overlayfs/{namei,util,copy_up}.c, OCI image-spec layer.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sys/fd.h"
#include "sys/handle.h"
#include "sys/stat.h"

namespace unionfs::marker {

inline constexpr std::string_view kWhiteoutPrefix = ".wh.";
inline constexpr const char* kOpaqueFile = ".wh..wh..opq";

// Which xattr namespace the upper's marks are written to.
enum class XattrSpace {
  trusted,  // privileged: what kernel overlayfs reads by default
  user,     // unprivileged: what it reads with -o userxattr
  none,     // the upper has no xattrs: marker files only
};

// `.wh.` names are marks in every layer: never shown, never created by a user.
bool isReservedName(std::string_view name);
// ".wh.NAME" for a victim; nullopt when `name` is no whiteout file of an ordinary name (`.wh..wh.*` is metadata).
std::optional<std::string_view> whiteoutFileVictim(std::string_view name);
std::string whiteoutFileFor(std::string_view victim);

bool isWhiteoutDevice(const sys::Stat& stat);
// Only to be asked in a directory whose marks say mayHoldXattrWhiteouts.
Result<bool> isXattrWhiteout(At at, const sys::Stat& stat);

// A regular file without its data: that lies in a layer below (kernel overlayfs with metacopy=on). `mayHoldCopies` says
// that the file's directory is impure, as the kernel marks what it copies into; elsewhere a file that has its data is
// told by its blocks, without a question.
Result<bool> isMetacopy(At at, const sys::Stat& stat, bool mayHoldCopies);

// What cannot be read is an error, never "no": a mark that is overlooked brings back what it hides. A mark that we lack the
// right to read does not count.

// What the marks of one real directory say.
struct DirMarks {
  bool opaque = false;
  bool mayHoldXattrWhiteouts = false;
  bool impure = false;
  bool redirected = false;  // overlay.redirect: its lower part lies elsewhere (kernel overlayfs with redirect_dir=on)
};
// `dir` is open for reading or O_PATH. Where it merges with nothing, whether it is opaque need not be known.
Result<DirMarks> readDirMarks(int dir, bool mayMerge = true);

// EOPNOTSUPP and the like are passed on; with XattrSpace::none the opaque mark is the marker file.
Status setOpaque(int dir, XattrSpace space);
Status setImpure(int dir, XattrSpace space);

// overlay.origin of a copy. nullopt: none, or one that names nothing (kernel: zero length in user namespaces).
std::optional<sys::FileHandle> readOrigin(At at);
Status writeOrigin(At at, XattrSpace space, const sys::FileHandle& handle, std::string_view uuid);

// The xattr names a user of the mount sees: marks are hidden, and a user's own "trusted.overlay.x" is kept as
// "trusted.overlay.overlay.x" so that a union can be stacked on this one (fs/overlayfs/xattrs.c).
// nullopt: the stored name is a mark and has no visible form.
std::optional<std::string> visibleXattrName(std::string_view stored);
std::string storedXattrName(std::string_view visible);

}  // namespace unionfs::marker
