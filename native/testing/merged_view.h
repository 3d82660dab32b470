// merged_view.h - looks at a live union through its own verbs, as a program on the mount would.
//
// Lookup counts it takes are its own and given back at the end, so that what it looked at leaves no trace.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "overlay/overlay.h"

namespace unionfs::testing {

class LayerFixture;

class MergedView {
 public:
  // `place` goes before what is recorded.
  explicit MergedView(Overlay& overlay, std::string place = {}) : overlay_(overlay), place_(std::move(place)) {}
  ~MergedView();
  MergedView(const MergedView&) = delete;
  MergedView& operator=(const MergedView&) = delete;

  [[nodiscard]] Overlay& overlay() const { return overlay_; }

  // One name; nullopt when the union does not show it. A failed lookup is recorded.
  MaybeEntry lookup(NodeId parent, Name name);
  // A path from the root; nullopt when it is not there.
  MaybeEntry find(std::string_view path);
  // The same for what must be there; absence is recorded, and gives an id nobody has.
  NodeId node(std::string_view path);
  Attr attr(std::string_view path);
  std::string read(std::string_view path);
  // An entry a verb returned: its lookup count is given back with the others.
  Entry take(const Entry& entry);

  // Names of a directory in the order of readdir, without "." and "..".
  std::map<std::string, DirEntry> list(NodeId dir);
  // All below the root in the form of layer_fixture.h, with modes. Every name readdir shows is looked up and must
  // agree in type and inode number; a difference is recorded.
  std::string dump();

 private:
  void dumpInto(NodeId dir, const std::string& prefix, std::string& out);
  std::string describe(const Entry& entry, const std::string& shown);
  std::string readNode(NodeId node, uint64_t size);

  void fail(const std::string& what) const;

  Overlay& overlay_;
  std::string place_;
  std::map<NodeId, uint64_t> counts_;
};

// dump() of the union `layers` make when they are opened anew.
std::string dumpAnew(LayerFixture& layers);

}  // namespace unionfs::testing
