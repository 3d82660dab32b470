// layer_fixture.h - layers written as literal trees in a temporary directory, and what they look like afterwards.
//
// A tree is text, one entry a line, parents first or implied:
//     dir/                  a directory            file = content        a regular file ("\n" in content is a newline)
//     dir/ opaque           one that hides below    link -> target        a symlink
//     gone whiteout         character device 0:0    pipe fifo             a fifo
//     file@0640 = content   with a mode
// A dump has the same form, sorted, so that what a test expects is compared whole.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "index/record_store.h"
#include "layer/stack.h"
#include "overlay/overlay.h"

namespace unionfs::testing {

// Writes the tree below `root`, which is made if need be. False, with a failure recorded, if something cannot be made.
bool writeTree(const std::filesystem::path& root, std::string_view tree);

struct DumpOptions {
  bool modes = false;  // "@0644" behind each name
};
std::string dumpTree(const std::filesystem::path& root, DumpOptions options = {});

// Every directory and file below `root` must have been given up before the fixture goes.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Lowers, an upper and a work directory.
class LayerFixture {
 public:
  LayerFixture();

  // The next lower below the ones given before: the first call makes the top one.
  LayerFixture& lower(std::string_view tree);
  LayerFixture& upper(std::string_view tree);
  LayerFixture& readOnly();
  // Of the stack: an upper whose root does not say how it keeps owners; whiteouts as files.
  LayerFixture& overrides(OverrideKind kind);
  LayerFixture& whiteoutFiles();

  // Records of all lowers as they are now, for OverlayOptions::records.
  [[nodiscard]] std::shared_ptr<RecordStore> records(LayerTrust trust) const;

  // Opens the union. Null, with a failure recorded, when that fails. With UNIONFS_TEST_RECORDS=sealed or =checked in the
  // environment, every union is opened with records of its lowers: all tests of the engine then hold for these, too.
  std::shared_ptr<Overlay> open(OverlayOptions options = {});

  [[nodiscard]] std::filesystem::path lowerPath(size_t index = 0) const { return temp_.path() / ("lower" + std::to_string(index)); }
  [[nodiscard]] std::filesystem::path upperPath() const { return temp_.path() / "upper"; }
  [[nodiscard]] std::filesystem::path workPath() const { return temp_.path() / "work"; }
  [[nodiscard]] std::string dumpUpper(DumpOptions options = {}) const { return dumpTree(upperPath(), options); }
  [[nodiscard]] std::string dumpLower(size_t index = 0) const { return dumpTree(lowerPath(index)); }
  // Names left in the work directory beside its own furniture (directories `work` and `index`, files).
  [[nodiscard]] std::vector<std::string> staged() const;

 private:
  TempDir temp_;
  size_t lowers_ = 0;
  bool writable_ = true;
  OverrideKind overrides_ = OverrideKind::none;
  bool whiteoutFiles_ = false;
};

// Whether the running user may make character devices 0:0 and trusted xattrs here.
bool mayMakeMarkers();
// Whether unions are opened over sealed records: their layers are vouched for not to change.
bool lowersAreSealed();

}  // namespace unionfs::testing
