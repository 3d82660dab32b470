// layer_walk.cc - see layer_walk.h.
#include "survey/layer_walk.h"

#include <chrono>

#include "survey/contents.h"

namespace unionfs {

namespace {

// A batch ends after so much, so that it can be kept, progress be shown and a signal be heard.
constexpr size_t kBatchBytes = 256 << 10;
constexpr auto kBatchTime = std::chrono::milliseconds(200);

}  // namespace

Result<std::unique_ptr<LayerWalk>> LayerWalk::open(const std::string& path, WalkOptions options) {
  TRY_ASSIGN(auto layer, Layer::open(path, true));
  return std::unique_ptr<LayerWalk>(new LayerWalk(std::move(layer), options));
}

bool LayerWalk::takePath(std::string& path) {
  std::unique_lock lock(mu_);
  changed_.wait(lock, [this] { return !waiting_.empty() || busy_ == 0 || cancelled_.load(); });
  if (waiting_.empty() || cancelled_.load()) {
    changed_.notify_all();
    return false;
  }
  path = std::move(waiting_.back());
  waiting_.pop_back();
  ++busy_;
  return true;
}

void LayerWalk::giveBack(std::vector<std::string> below) {
  const std::lock_guard lock(mu_);
  --busy_;
  for (auto& path : below) waiting_.push_back(std::move(path));
  changed_.notify_all();
}

Status LayerWalk::read(const Fd& fd, WalkedDirectory& into, std::vector<std::string>& below) {
  RecordMaker maker(fd.get(), layer_->rootStat().dev, options_.kind);
  TRY(maker.begin());
  if (!maker.isOnLayer()) return success();  // nothing there is recorded, nor below it
  const auto take = [&](const sys::RawEntry& raw) {
    maker.take(raw);
    const auto isDir = sys::isDirectory(fd.get(), raw);
    if (isDir.ok() && *isDir)
      below.push_back(Layer::pathBelow(into.path, raw.name));
    else
      ++into.files;
  };
  TRY(sys::readDir(fd.get(), take));
  TRY_ASSIGN(auto contents, maker.finish());
  if (!contents) return success();
  if (options_.contents) {
    const auto goOn = [this](size_t size) {
      bytesRead_.fetch_add(size, std::memory_order_relaxed);
      return !cancelled_.load(std::memory_order_relaxed);
    };
    TRY_ASSIGN(const ContentRecord sums, sumContents(fd.get(), *contents, goOn, into.failing));
    into.contents = encodeContentRecord(sums);
    into.digest = digestOf(*contents, sums);
  }
  into.record = encodeDirRecord(std::move(*contents));
  return success();
}

WalkedDirectory LayerWalk::visit(const std::string& path, std::vector<std::string>& below) {
  WalkedDirectory result;
  result.path = path;
  const auto fd = layer_->openDirectory(path);
  const Status done = fd.ok() ? read(*fd, result, below) : Status(fd.error());
  if (!done.ok()) result.error = done.error();
  return result;
}

std::vector<WalkedDirectory> LayerWalk::next() {
  const auto end = std::chrono::steady_clock::now() + kBatchTime;
  std::vector<WalkedDirectory> batch;
  size_t bytes = 0;
  std::string path;
  while (bytes < kBatchBytes && std::chrono::steady_clock::now() < end && takePath(path)) {
    std::vector<std::string> below;
    batch.push_back(visit(path, below));
    giveBack(std::move(below));
    bytes += batch.back().record.size() + batch.back().contents.size();
  }
  if (cancelled_.load()) batch.clear();
  return batch;
}

}  // namespace unionfs
