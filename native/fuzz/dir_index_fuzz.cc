// dir_index_fuzz.cc - random layers against a merge done by hand, then random changes against a map.
//
// Input: a byte of options (bit 0: there is an upper; bits 1-2: lowers beside the first), then per layer one byte for
// each name (what it is, and whether a whiteout file lies beside), then changes of two bytes: which name, what it becomes.
#include <dirent.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "index/dir_index.h"

namespace unionfs {
namespace {

constexpr std::array<const char*, 6> kNames = {"a", "b", "name", "a much longer name", "a.b", "\xff"};

enum class Kind : uint8_t { absent, file, dir, device };

struct Seen {
  Kind kind = Kind::absent;
  bool whiteoutFile = false;
};

struct Input {
  const uint8_t* data;
  size_t size;
  uint8_t take() {
    if (size == 0) return 0;
    --size;
    return *data++;
  }
};

void require(bool right, const char* what) {
  if (right) return;
  std::fprintf(stderr, "dir_index_fuzz: %s\n", what);
  std::abort();
}

// What an index should know of one name.
struct Facts {
  uint8_t type = IndexEntry::kHidden;
  uint8_t flags = 0;
  std::vector<uint16_t> layers;
  friend bool operator==(const Facts&, const Facts&) = default;
  [[nodiscard]] bool known() const { return type != IndexEntry::kHidden || flags != 0; }
};

using Layers = std::vector<std::pair<uint16_t, std::array<Seen, kNames.size()>>>;

// Walks the layers from `first` on as a lookup does.
Facts walk(const Layers& layers, size_t name, size_t first) {
  Facts facts;
  for (size_t i = first; i < layers.size(); ++i) {
    const Seen& seen = layers[i].second[name];
    if (seen.kind == Kind::device) break;
    if (seen.kind == Kind::file) {
      if (facts.layers.empty()) facts = {.type = DT_REG, .flags = 0, .layers = {layers[i].first}};
      break;
    }
    if (seen.kind == Kind::dir) {
      facts.type = DT_DIR;
      facts.layers.push_back(layers[i].first);
    }
    if (seen.whiteoutFile) break;
  }
  return facts;
}

Facts expected(const Layers& layers, size_t name) {
  const bool hasUpper = layers.front().first == 0;
  Facts facts = walk(layers, name, 0);
  if (walk(layers, name, hasUpper ? 1 : 0).type != IndexEntry::kHidden) facts.flags |= IndexEntry::kInLower;
  if (!hasUpper) return facts;
  const Seen& upper = layers.front().second[name];
  if (upper.kind == Kind::file || upper.kind == Kind::dir) facts.flags |= IndexEntry::kInUpper;
  if (upper.kind == Kind::device) facts.flags |= IndexEntry::kUpperWhiteoutDevice;
  if (upper.whiteoutFile) facts.flags |= IndexEntry::kUpperWhiteoutFile;
  return facts;
}

Facts factsOf(const DirIndex& index, const IndexEntry* entry) {
  if (entry == nullptr) return {};
  const auto layers = index.layersOf(*entry);
  Facts facts{.type = entry->type, .flags = entry->flags, .layers = {}};
  if (entry->visible()) facts.layers.assign(layers.begin(), layers.end());
  return facts;
}

Layers readLayers(Input& input) {
  const uint8_t options = input.take();
  const bool hasUpper = (options & 1U) != 0;
  const auto count = static_cast<uint16_t>(1 + (options >> 1U & 3U) + (hasUpper ? 1U : 0U));
  const bool upperAlone = hasUpper && (options & 8U) != 0;
  Layers layers;
  for (uint16_t i = 0; i < (upperAlone ? uint16_t{1} : count); ++i) {
    layers.emplace_back(static_cast<uint16_t>(hasUpper ? i : i + 1), std::array<Seen, kNames.size()>{});
    for (auto& seen : layers.back().second) {
      const uint8_t byte = input.take();
      seen = {static_cast<Kind>(byte & 3U), (byte & 4U) != 0};
    }
  }
  return layers;
}

DirIndex build(const Layers& layers) {
  DirIndexBuilder builder(layers.size());
  uint64_t ino = 1;
  for (const auto& [layer, names] : layers) {
    builder.beginLayer(layer, layer == 0);
    for (size_t name = 0; name < kNames.size(); ++name) {
      if (names[name].whiteoutFile) builder.addWhiteoutFile(kNames[name]);
      if (names[name].kind == Kind::device) builder.addWhiteoutDevice(kNames[name]);
      if (names[name].kind == Kind::file) builder.add(kNames[name], DT_REG, ino++);
      if (names[name].kind == Kind::dir) builder.add(kNames[name], DT_DIR, ino++);
    }
  }
  return builder.finish();
}

using Reference = std::map<std::string, Facts>;

void compare(const DirIndex& index, const Reference& reference) {
  bool empty = true;
  size_t known = 0, walked = 0;
  for (const auto& [name, facts] : reference) {
    require(factsOf(index, index.find(name)) == facts, "a name is known wrongly");
    if (facts.known()) ++known;
    if (facts.type != IndexEntry::kHidden) empty = false;
  }
  require(index.empty() == empty, "empty() is wrong");
  uint64_t last = 0;
  for (const IndexEntry* entry = index.after(0); entry != nullptr; entry = index.after(last)) {
    require(entry->cookie > last && entry->cookie >= kFirstCookie, "the walk goes backwards");
    last = entry->cookie;
    ++walked;
    require(reference.contains(std::string(index.nameOf(*entry))), "the walk shows a name nobody gave");
  }
  require(walked == known, "the walk misses a name or shows one twice");
}

// Names beyond the first come into being here, enough of them to make the index merge what was added.
std::string changedName(uint8_t byte) { return byte < kNames.size() ? kNames[byte] : "n" + std::to_string(byte); }

void change(DirIndex& index, Reference& reference, uint8_t which, uint8_t what) {
  const std::string name = changedName(which);
  IndexEntry entry;
  entry.flags = what & 15U;
  const unsigned type = what >> 4U & 3U;
  Facts facts{.type = IndexEntry::kHidden, .flags = entry.flags, .layers = {}};
  const std::vector<uint16_t> merged = {0, 2};
  if (type == 1) facts = {.type = DT_REG, .flags = entry.flags, .layers = {0}};
  if (type == 2) facts = {.type = DT_DIR, .flags = entry.flags, .layers = merged};
  entry.type = facts.type;
  const uint64_t cookie = index.find(name) != nullptr ? index.find(name)->cookie : 0;
  index.put(name, entry, type == 2 ? std::span<const uint16_t>(merged) : std::span<const uint16_t>());
  const IndexEntry* after = index.find(name);
  require(cookie == 0 || after == nullptr || after->cookie == cookie, "a change moved the name");
  reference[name] = facts;
}

void run(Input input) {
  const Layers layers = readLayers(input);
  DirIndex index = build(layers);
  Reference reference;
  for (size_t name = 0; name < kNames.size(); ++name) reference[kNames[name]] = expected(layers, name);
  compare(index, reference);
  while (input.size >= 2) {
    const uint8_t which = input.take();
    change(index, reference, which, input.take());
  }
  compare(index, reference);
}

}  // namespace
}  // namespace unionfs

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  unionfs::run({data, size});
  return 0;
}
