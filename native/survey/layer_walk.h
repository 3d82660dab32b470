// layer_walk.h - walks a whole layer, as a mount would see it, and gives the record of each directory.
//
// Several threads may call next() at once; each takes directories nobody has taken yet.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "layer/layer.h"
#include "survey/record_maker.h"

namespace unionfs {

struct WalkOptions {
  RecordMaker::Kind kind = RecordMaker::Kind::plain;
  bool contents = false;  // read every file; needs full records
};

struct WalkedDirectory {
  std::string path;      // below the root, without a leading slash; empty: the root
  std::string record;    // empty: no record can be made of it now
  std::string contents;  // a content record, where asked for
  std::array<uint64_t, 2> digest{};
  uint64_t files = 0;   // names in it that are no directories
  Errno error{0};       // it could not be read
  std::string failing;  // the name in it that the error is about; empty: the directory itself
};

class LayerWalk {
 public:
  static Result<std::unique_ptr<LayerWalk>> open(const std::string& path, WalkOptions options);

  // Some more directories; none when all are done or the walk was cancelled.
  std::vector<WalkedDirectory> next();
  void cancel() { cancelled_.store(true); }
  [[nodiscard]] uint64_t bytesRead() const { return bytesRead_.load(); }
  [[nodiscard]] const Layer& layer() const { return *layer_; }

 private:
  LayerWalk(std::unique_ptr<Layer> layer, WalkOptions options) : layer_(std::move(layer)), options_(options) { waiting_.emplace_back(); }
  bool takePath(std::string& path);
  void giveBack(std::vector<std::string> below);
  WalkedDirectory visit(const std::string& path, std::vector<std::string>& below);
  Status read(const Fd& fd, WalkedDirectory& into, std::vector<std::string>& below);

  std::unique_ptr<Layer> layer_;
  const WalkOptions options_;
  std::atomic<bool> cancelled_{false};
  std::atomic<uint64_t> bytesRead_{0};
  std::mutex mu_;
  std::condition_variable changed_;
  std::vector<std::string> waiting_;  // guarded by mu_
  unsigned busy_ = 0;                 // guarded by mu_; directories being read, which may have more below
};

}  // namespace unionfs
