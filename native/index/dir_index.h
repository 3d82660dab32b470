// dir_index.h - the merged names of one directory, in memory: what the engine knows without asking a layer.
//
// Holds every name the union shows in the directory, and the names it hides (a whiteout in the upper), each with the
// layer that provides it. Ordered by cookie, a seeded hash of the name: so an offset stays valid while names come
// and go, and after the index was dropped and read anew. Knows no layer and makes no system call; not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace unionfs {

// First cookie of a real entry; smaller ones are for "." and "..".
inline constexpr uint64_t kFirstCookie = 3;

// Cookie of a name, before collisions move it. Seeded once per process; fits a signed 64-bit offset.
uint64_t cookieOf(std::string_view name);

struct IndexEntry {
  // Facts about a name beyond the layer that shows it.
  enum Flag : uint8_t {
    kInUpper = 1,              // the upper has the file or directory itself
    kInLower = 2,              // some lower would show the name if the upper said nothing
    kUpperWhiteoutDevice = 4,  // the upper has a character device 0:0 here
    kUpperWhiteoutFile = 8,    // the upper has `.wh.NAME`
    kErased = 16,              // no longer known (internal)
  };
  static constexpr uint8_t kHidden = 0xff;  // in `type`: the union does not show the name

  uint64_t cookie = 0;
  uint64_t ino = 0;       // real inode number in layer `top`
  uint64_t lowerIno = 0;  // for directories merged of upper and lowers: real number in the topmost lower
  uint32_t nameOffset = 0;
  uint32_t dirList = 0;  // 1 + index into the lists of merged layers; 0: `top` alone
  uint16_t nameLength = 0;
  uint16_t top = 0;        // layer that shows it
  uint16_t lowerTop = 0;   // layer of lowerIno
  uint8_t type = kHidden;  // DT_*
  uint8_t flags = 0;

  [[nodiscard]] bool visible() const { return type != kHidden; }
  [[nodiscard]] bool has(Flag flag) const { return (flags & flag) != 0; }
  void set(Flag flag, bool on) { flags = static_cast<uint8_t>(on ? flags | flag : flags & ~flag); }
};

class DirIndex {
 public:
  [[nodiscard]] std::string_view nameOf(const IndexEntry& entry) const { return {names_.data() + entry.nameOffset, entry.nameLength}; }
  // Layers that may take part in a merged directory, top first. Opaque marks are not applied.
  [[nodiscard]] std::span<const uint16_t> layersOf(const IndexEntry& entry) const;

  // Null when neither shown nor hidden: no layer has the name.
  [[nodiscard]] const IndexEntry* find(std::string_view name) const;
  // The entry with the smallest cookie above `cookie`, hidden ones included; null at the end.
  [[nodiscard]] const IndexEntry* after(uint64_t cookie) const;
  // True when no name is shown.
  [[nodiscard]] bool empty() const { return visible_ == 0; }
  [[nodiscard]] size_t bytes() const;

  // Replaces what is known of a name (the cookie and name of `facts` are ignored); an entry that is hidden and says
  // nothing is dropped.
  void put(std::string_view name, IndexEntry facts, std::span<const uint16_t> layers = {});

 private:
  friend class DirIndexBuilder;
  IndexEntry* findMutable(std::string_view name);
  void insert(std::string_view name, IndexEntry entry);
  void mergeAdded();
  uint32_t keepLayers(std::span<const uint16_t> layers);

  std::vector<IndexEntry> entries_;  // sorted by cookie
  std::vector<IndexEntry> added_;    // sorted by cookie, few; merged into entries_ now and then
  std::string names_;
  std::vector<std::vector<uint16_t>> dirLists_;
  size_t visible_ = 0;
};

// Merges real directories, top layer first: for each layer beginLayer(), then its entries in any order.
class DirIndexBuilder {
 public:
  // `layerCount` of 1 takes the short way: nothing to merge.
  explicit DirIndexBuilder(size_t layerCount) : single_(layerCount == 1) {}

  void beginLayer(uint16_t layer, bool isUpper);
  void add(std::string_view name, uint8_t type, uint64_t ino);
  void addWhiteoutDevice(std::string_view name);
  void addWhiteoutFile(std::string_view victim);
  DirIndex finish();

 private:
  struct Merged {
    IndexEntry entry;
    std::vector<uint16_t> layers;  // of a directory
    bool decided = false;          // no deeper layer adds to what is shown
    bool lowersDecided = false;    // the same for the lowers' own view
  };
  void endLayer();
  void hide(std::string_view name, IndexEntry::Flag flag);
  static void see(Merged& merged, uint16_t layer, bool isUpper, uint8_t type, uint64_t ino);

  bool single_;
  bool isUpper_ = false;
  uint16_t layer_ = 0;
  std::vector<std::string> pendingWhiteoutFiles_;
  std::unordered_map<std::string, Merged> merged_;
  std::vector<std::pair<std::string, IndexEntry>> plain_;        // of the short way
  std::vector<std::pair<std::string, IndexEntry::Flag>> marks_;  // the same: whiteouts, which hide nothing there
};

}  // namespace unionfs
