// recall.h - answers from records instead of layers (index/record_store.h), and what reading layers teaches.
//
// Every function may say "not known"; the layer is then asked. With records or without, answers are the same.
#pragma once

#include <optional>
#include <string>

#include "overlay/locate.h"
#include "survey/record_maker.h"

namespace unionfs {

class DirIndexBuilder;

// The record of a directory whose stat in `layer` is known; null when there is none that may be used.
const DirRecord* recordFor(OverlayState& state, LayerIndex layer, const sys::Stat& directory);

// The record of `dir` in `layer`, found at its first use. Precondition: renameMu held, shared or exclusive.
const DirRecord* recordOf(OverlayState& state, Inode& dir, LayerIndex layer);

// What a record says of a name.
struct Recalled {
  bool there = false;
  bool whiteout = false;          // it is one
  bool hidesBelow = false;        // a whiteout file lies beside it, or where it would be
  std::optional<sys::Stat> stat;  // of sealed layers; of others the file is to be asked
};
Recalled recall(OverlayState& state, LayerIndex layer, const DirRecord& record, Name name);

// stat of the top real file of an inode in a sealed layer; nullopt: ask the file. renameMu held.
std::optional<sys::Stat> recallStat(OverlayState& state, Inode& inode);
std::optional<std::string> recallTarget(OverlayState& state, Inode& inode);
// The error of asking a file that has no xattr at all for `xattr`; nullopt: it may have some, or it is not known.
std::optional<Errno> recallMissingXattr(OverlayState& state, Inode& inode, const std::string& xattr);
bool recallNoXattrs(OverlayState& state, Inode& inode);

// Gives the builder all names of a directory.
void replay(const DirRecord& record, DirIndexBuilder& builder);

// Makes a record of a directory of a lower that is being read, if somebody keeps it.
class Learner {
 public:
  Learner(OverlayState& state, LayerIndex layer, int fd);
  void take(const sys::RawEntry& entry) {
    if (maker_) maker_->take(entry);
  }
  // All was read.
  void finish(Inode& dir);

 private:
  OverlayState& state_;
  LayerIndex layer_;
  std::optional<RecordMaker> maker_;
};

}  // namespace unionfs
