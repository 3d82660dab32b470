// fake_kernel.cc - sending requests, sorting answers.
#include "testing/fake_kernel.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "testing/test.h"

namespace unionfs::testing {
namespace {

constexpr size_t kLargestMessage = size_t{1} << 18;  // what an unprivileged socket takes at once

}  // namespace

Message& Message::name(std::string_view text) {
  data(text);
  bytes_.push_back(std::byte{0});
  return *this;
}

Message& Message::data(std::string_view text) {
  const auto* at = reinterpret_cast<const std::byte*>(text.data());
  bytes_.insert(bytes_.end(), at, at + text.size());
  return *this;
}

std::vector<ListedEntry> parseListing(const Bytes& data, bool plus) {
  std::vector<ListedEntry> out;
  size_t at = 0;
  const size_t lead = plus ? sizeof(abi::EntryOut) : 0;
  while (at + lead + sizeof(abi::DirentHead) <= data.size()) {
    abi::EntryOut entry{};
    if (plus) std::memcpy(&entry, data.data() + at, sizeof entry);
    abi::DirentHead head;
    std::memcpy(&head, data.data() + at + lead, sizeof head);
    const size_t nameAt = at + lead + sizeof head;
    if (head.namelen > data.size() - nameAt) break;
    out.push_back({.name = {reinterpret_cast<const char*>(data.data() + nameAt), head.namelen},
                   .ino = head.ino,
                   .cookie = head.off,
                   .node = entry.nodeid,
                   .type = head.type});
    at += lead + abi::recordAlign(sizeof head + head.namelen);
  }
  return out;
}

FakeKernel::FakeKernel() {
  auto ends = sys::messageSocketPair();
  if (!ends) {
    recordFailure(__FILE__, __LINE__, "no socket pair");
    return;
  }
  kernelEnd_ = std::move(ends->first);
  serverEnd_ = Channel(std::move(ends->second), Channel::Kind::socket);
  receiver_ = std::thread([this] { receiveLoop(); });
}

FakeKernel::~FakeKernel() {
  close();
  if (receiver_.joinable()) receiver_.join();
}

void FakeKernel::close() {
  const std::lock_guard lock(mu_);
  if (closed_) return;
  closed_ = true;
  ::shutdown(kernelEnd_.get(), SHUT_RDWR);
  arrived_.notify_all();
}

void FakeKernel::receiveLoop() {
  Bytes buffer(kLargestMessage);
  for (;;) {
    const ssize_t size = ::recv(kernelEnd_.get(), buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < static_cast<ssize_t>(sizeof(abi::OutHeader))) break;
    abi::OutHeader header;
    std::memcpy(&header, buffer.data(), sizeof header);
    Bytes body(buffer.begin() + sizeof header, buffer.begin() + size);
    if (header.len != static_cast<size_t>(size)) recordFailure(__FILE__, __LINE__, "reply with a wrong length");
    std::unique_lock lock(mu_);
    if (header.unique == 0) {
      const OnNotify handler = onNotify_;
      lock.unlock();
      if (handler) handler(header.error, body);
      continue;
    }
    const bool fresh = answers_.emplace(header.unique, Answer{.error = -header.error, .data = std::move(body)}).second;
    if (!fresh) recordFailure(__FILE__, __LINE__, "two replies to one request");
    arrived_.notify_all();
  }
  const std::lock_guard lock(mu_);
  closed_ = true;
  arrived_.notify_all();
}

void FakeKernel::onNotify(OnNotify handler) {
  const std::lock_guard lock(mu_);
  onNotify_ = std::move(handler);
}

void FakeKernel::sendRaw(const Bytes& bytes) {
  EXPECT_EQ(::send(kernelEnd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
}

uint64_t FakeKernel::send(uint32_t opcode, NodeId node, const Message& message, uid_t uid, gid_t gid) {
  abi::InHeader header{};
  header.len = static_cast<uint32_t>(sizeof header + message.bytes().size());
  header.opcode = opcode;
  header.nodeid = node;
  header.uid = uid;
  header.gid = gid;
  header.pid = static_cast<uint32_t>(::gettid());
  {
    const std::lock_guard lock(mu_);
    header.unique = nextUnique_;
    nextUnique_ += 2;
  }
  Bytes whole = Message().add(header).bytes();
  whole.insert(whole.end(), message.bytes().begin(), message.bytes().end());
  sendRaw(whole);
  return header.unique;
}

uint64_t FakeKernel::sendInit(uint64_t offeredFlags, uint32_t minor) {
  abi::InitIn in{};
  in.major = abi::kMajor;
  in.minor = minor;
  in.max_readahead = 128 << 10;
  in.flags = static_cast<uint32_t>(offeredFlags);
  in.flags2 = static_cast<uint32_t>(offeredFlags >> 32);
  return send(abi::kInit, 0, Message().add(in));
}

Answer FakeKernel::receive(uint64_t unique, std::chrono::milliseconds patience) {
  std::unique_lock lock(mu_);
  arrived_.wait_for(lock, patience, [&] { return closed_ || answers_.contains(unique); });
  const auto found = answers_.find(unique);
  if (found == answers_.end()) return {};
  Answer answer = std::move(found->second);
  answers_.erase(found);
  return answer;
}

NodeId FakeKernel::find(NodeId parent, std::string_view name) {
  const Answer answer = lookup(parent, name);
  return answer.ok() ? answer.as<abi::EntryOut>().nodeid : 0;
}

Answer FakeKernel::create(NodeId parent, std::string_view name, uint32_t mode) {
  return call(abi::kMknod, parent, Message().add(abi::MknodIn{.mode = mode, .rdev = 0, .umask = 0, .padding = 0}).name(name));
}

Answer FakeKernel::mkdir(NodeId parent, std::string_view name, uint32_t mode) {
  return call(abi::kMkdir, parent, Message().add(abi::MkdirIn{.mode = mode, .umask = 0}).name(name));
}

Answer FakeKernel::read(NodeId node, uint64_t offset, uint32_t size) {
  abi::ReadIn in{};
  in.offset = offset;
  in.size = size;
  return call(abi::kRead, node, Message().add(in));
}

Answer FakeKernel::write(NodeId node, uint64_t offset, std::string_view text) {
  abi::WriteIn in{};
  in.offset = offset;
  in.size = static_cast<uint32_t>(text.size());
  return call(abi::kWrite, node, Message().add(in).data(text));
}

std::vector<ListedEntry> FakeKernel::list(NodeId dir, bool plus, uint32_t size) {
  std::vector<ListedEntry> all;
  uint64_t cookie = 0;
  for (;;) {
    abi::ReadIn in{};
    in.offset = cookie;
    in.size = size;
    const Answer answer = call(plus ? abi::kReaddirplus : abi::kReaddir, dir, Message().add(in));
    EXPECT_EQ(answer.error, 0);
    EXPECT(answer.data.size() <= size);
    const auto part = parseListing(answer.data, plus);
    if (part.empty()) return all;
    all.insert(all.end(), part.begin(), part.end());
    cookie = part.back().cookie;
  }
}

void FakeKernel::forget(NodeId node, uint64_t count) { send(abi::kForget, node, Message().add(abi::ForgetIn{.nlookup = count})); }

ServedOverlay::ServedOverlay(std::shared_ptr<Overlay> overlay, ServerOptions options, uint64_t offeredFlags) {
  const uint64_t unique = kernel_.sendInit(offeredFlags);
  std::string detail;
  auto server = Server::create(std::move(overlay), kernel_.takeChannel(), options, detail);
  if (!server) {
    recordFailure(__FILE__, __LINE__, "no server: " + detail);
    return;
  }
  server_ = std::move(*server);
  const Answer answer = kernel_.receive(unique);
  EXPECT_EQ(answer.error, 0);
  init_ = answer.as<abi::InitOut>();
  EXPECT(server_->start({}).ok());
}

ServedOverlay::~ServedOverlay() {
  kernel_.close();
  if (server_) server_->stop();
}

}  // namespace unionfs::testing
