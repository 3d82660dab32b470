// The whole server without a mount: the real engine on temporary layers, the kernel played over a socket.
#include "fuse/server.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <mutex>
#include <set>

#include "base/log.h"
#include "testing/fake_kernel.h"
#include "testing/layer_fixture.h"
#include "testing/memory_fault.h"
#include "testing/test.h"

namespace unionfs {
namespace {

using namespace std::chrono_literals;
using testing::Answer;
using testing::FakeKernel;
using testing::LayerFixture;
using testing::Message;
using testing::ServedOverlay;

// A union with one lower, served in cached mode.
struct Served {
  explicit Served(std::string_view lower, ServerOptions options = {}) : overlay(layers.lower(lower).open()), served(overlay, options) {}
  FakeKernel& kernel() { return served.kernel(); }
  FakeKernel* operator->() { return &served.kernel(); }
  uint64_t lookups() const { return overlay->stats().lookups; }

  LayerFixture layers;
  std::shared_ptr<Overlay> overlay;
  ServedOverlay served;
};

TEST("in cached mode the kernel is told to open, flush and check access alone") {
  Served fs("f = x");
  const NodeId file = fs->find(kRootNode, "f");
  EXPECT_EQ(fs->call(abi::kOpen, file, Message().add(abi::OpenIn{})).error, ENOSYS);
  EXPECT_EQ(fs->call(abi::kOpendir, kRootNode, Message().add(abi::OpenIn{})).error, ENOSYS);
  EXPECT_EQ(fs->call(abi::kCreate, kRootNode, Message().add(abi::CreateIn{}).name("new")).error, ENOSYS);
  EXPECT_EQ(fs->call(abi::kFlush, file, Message().add(abi::FlushIn{})).error, ENOSYS);
  EXPECT_EQ(fs->call(abi::kAccess, file, Message().add(abi::AccessIn{})).error, ENOSYS);
  EXPECT_EQ(fs->call(abi::kPoll, file).error, ENOSYS);
  EXPECT_EQ(fs->call(abi::kBmap, file).error, ENOSYS);
  EXPECT_EQ(fs->call(abi::kSetlk, file).error, ENOSYS);
  EXPECT_EQ(fs->call(abi::kDestroy, 0).error, 0);
}

TEST("a kernel that cannot open alone gets a handle without meaning") {
  LayerFixture layers;
  ServedOverlay served(layers.lower("f = x").open(), {}, abi::init::kBigWrites);
  const Answer opened = served->call(abi::kOpen, served->find(kRootNode, "f"), Message().add(abi::OpenIn{}));
  EXPECT_EQ(opened.error, 0);
  EXPECT_EQ(opened.as<abi::OpenOut>().fh, 0U);
  EXPECT_EQ(served->call(abi::kOpendir, kRootNode, Message().add(abi::OpenIn{})).error, 0);
}

TEST("what was created and written is looked up and read back") {
  Served fs("");
  const Answer made = fs->create(kRootNode, "new", 0100640);
  REQUIRE(made.ok());
  const auto entry = made.as<abi::EntryOut>();
  EXPECT_EQ(entry.attr.mode, 0100640U);
  EXPECT_EQ(fs->write(entry.nodeid, 0, "hello world").as<abi::WriteOut>().size, 11U);
  EXPECT_EQ(fs->read(entry.nodeid, 6, 100).text(), "world");
  EXPECT_EQ(fs->getattr(entry.nodeid).as<abi::AttrOut>().attr.size, 11U);
  EXPECT_EQ(fs->find(kRootNode, "new"), entry.nodeid);
}

TEST("an absent name is a success with node 0, so that the kernel remembers it") {
  Served fs("");
  const Answer absent = fs->lookup(kRootNode, "nothing");
  EXPECT_EQ(absent.error, 0);
  EXPECT_EQ(absent.as<abi::EntryOut>().nodeid, 0U);
  EXPECT(absent.as<abi::EntryOut>().entry_valid > 0);
}

TEST("names move, vanish and exchange through the wire") {
  Served fs("");
  REQUIRE(fs->mkdir(kRootNode, "d").ok());
  const NodeId dir = fs->find(kRootNode, "d");
  fs->create(kRootNode, "a");
  fs->create(dir, "b");
  const NodeId a = fs->find(kRootNode, "a");
  const NodeId b = fs->find(dir, "b");
  const auto rename2 = [&](uint32_t flags) {
    return fs
        ->call(abi::kRename2, kRootNode, Message().add(abi::Rename2In{.newdir = dir, .flags = flags, .padding = 0}).name("a").name("b"))
        .error;
  };
  EXPECT_EQ(rename2(RENAME_NOREPLACE), EEXIST);
  EXPECT_EQ(rename2(RENAME_WHITEOUT), EINVAL);
  EXPECT_EQ(rename2(RENAME_EXCHANGE), 0);
  EXPECT_EQ(fs->find(kRootNode, "a"), b);
  EXPECT_EQ(fs->find(dir, "b"), a);
  EXPECT_EQ(fs->call(abi::kRename, kRootNode, Message().add(abi::RenameIn{.newdir = dir}).name("a").name("b")).error, 0);
  EXPECT_EQ(fs->find(kRootNode, "a"), 0U);
  EXPECT_EQ(fs->call(abi::kRmdir, kRootNode, Message().name("d")).error, ENOTEMPTY);
  EXPECT_EQ(fs->call(abi::kUnlink, dir, Message().name("b")).error, 0);
  EXPECT_EQ(fs->call(abi::kRmdir, kRootNode, Message().name("d")).error, 0);
  EXPECT_EQ(fs->find(kRootNode, "d"), 0U);
}

TEST("links and symlinks go through the wire") {
  Served fs("f = x");
  const NodeId file = fs->find(kRootNode, "f");
  const Answer linked = fs->call(abi::kLink, kRootNode, Message().add(abi::LinkIn{.oldnodeid = file}).name("g"));
  EXPECT_EQ(linked.error, 0);
  EXPECT_EQ(linked.as<abi::EntryOut>().attr.nlink, 2U);
  const Answer symlink = fs->call(abi::kSymlink, kRootNode, Message().name("s").name("target/../x"));
  EXPECT_EQ(symlink.error, 0);
  EXPECT_EQ(fs->call(abi::kReadlink, symlink.as<abi::EntryOut>().nodeid).text(), "target/../x");
}

std::string bigTree(int files) {
  std::string tree;
  for (int i = 0; i < files; ++i) tree += "file-with-a-long-name-" + std::to_string(i) + " =\n";
  return tree;
}

// A union without an upper, whose files are asked for an xattr that they lack, over and over.
class Asked {
 public:
  explicit Asked(LayerFixture& layers, bool silentXattrs = true)
      : overlay_(layers.readOnly().open()), served_(overlay_, {.readOnly = true, .silentXattrs = silentXattrs}) {
    file_ = served_->find(kRootNode, "f");
  }
  int get(std::string_view name) {
    return served_->call(abi::kGetxattr, file_, Message().add(abi::GetxattrIn{.size = 100, .padding = 0}).name(name)).error;
  }
  int list() { return served_->call(abi::kListxattr, file_, Message().add(abi::GetxattrIn{.size = 100, .padding = 0})).error; }
  // Whether the answer becomes ENOSYS, in more time than a look through a few files takes.
  bool fallsSilent() {
    for (int i = 0; i < 1000; ++i) {
      if (get("user.none") == ENOSYS) return true;
      if (i > 300) std::this_thread::sleep_for(1ms);
    }
    return false;
  }

 private:
  std::shared_ptr<Overlay> overlay_;
  ServedOverlay served_;
  NodeId file_ = 0;
};

TEST("on a read-only mount without any extended attribute the kernel is soon told to ask no more, where that is wanted") {
  LayerFixture layers;
  layers.lower("f = x\nd/\nd/e/\nd/e/g = y").lower("other/\nother/h = z");
  // What only marks something on disk is not seen through a mount.
  const bool marked = ::setxattr((layers.lowerPath() / "d").c_str(), "user.overlay.opaque", "y", 1, 0) == 0;
  if (!marked) SKIP("needs user xattrs");
  Asked asked(layers);
  EXPECT_EQ(asked.get("user.none"), ENODATA);
  EXPECT_EQ(asked.list(), 0);
  EXPECT(asked.fallsSilent());
  EXPECT_EQ(asked.list(), ENOSYS);
  EXPECT_EQ(asked.get("system.posix_acl_access"), ENODATA);
}

TEST("where nobody wants it, an absent extended attribute is ENODATA however often it is asked for") {
  LayerFixture layers;
  layers.lower("f = x");
  Asked asked(layers, false);
  EXPECT(!asked.fallsSilent());
  EXPECT_EQ(asked.get("user.none"), ENODATA);
  EXPECT_EQ(asked.list(), 0);
}

TEST("one extended attribute in any layer, and the kernel goes on asking") {
  LayerFixture layers;
  layers.lower("f = x").lower("d/\nd/e/\nd/e/g = y");
  if (::setxattr((layers.lowerPath(1) / "d/e/g").c_str(), "user.k", "v", 1, 0) != 0) SKIP("needs user xattrs");
  Asked asked(layers);
  EXPECT(!asked.fallsSilent());
  EXPECT_EQ(asked.get("user.none"), ENODATA);
}

TEST("a mount ends while its layers are looked through for extended attributes") {
  LayerFixture layers;
  layers.lower("f = x\n" + bigTree(2000));
  Asked asked(layers);
  for (int i = 0; i < 256; ++i) EXPECT_EQ(asked.get("user.none"), ENODATA);
}

TEST("a directory is listed whole and without doubles, whatever the size of the answers") {
  Served fs(bigTree(300));
  for (const bool plus : {false, true}) {
    for (const uint32_t size : {400U, 1000U, 4096U, 65536U}) {
      const auto listed = fs->list(kRootNode, plus, size);
      std::set<std::string> names;
      for (const auto& entry : listed) names.insert(entry.name);
      EXPECT_EQ(listed.size(), 302U);
      EXPECT_EQ(names.size(), 302U);
    }
  }
}

// Records written while it lives.
class LogCapture {
 public:
  LogCapture() {
    log::setSink([this](const log::Record& record) {
      const std::lock_guard lock(mu_);
      text_ += record.message + " {" + record.fieldsJson + "}\n";
    });
  }
  ~LogCapture() { log::setSink(nullptr); }
  std::string text() {
    const std::lock_guard lock(mu_);
    return text_;
  }

 private:
  std::mutex mu_;
  std::string text_;
};

TEST("a request there is no memory for is EIO with a record in the log, holds no lock, and the mount lives on") {
  LogCapture records;
  Served fs(bigTree(2000));
  {
    abi::ReadIn request{};
    request.size = 4096;
    const testing::LargeAllocationsFail fault(65536);  // reading the directory takes more, under its lock
    EXPECT_EQ(fs->call(abi::kReaddir, kRootNode, Message().add(request)).error, EIO);
    EXPECT(fault.struck() > 0);
  }
  EXPECT(records.text().find(R"(operation ended by an exception {"op":"READDIR","node":1,"what":"std::bad_alloc"})") != std::string::npos);
  EXPECT_EQ(fs->list(kRootNode, false).size(), 2002U);
  EXPECT(fs->create(kRootNode, "new").ok());
  EXPECT_EQ(fs->list(kRootNode, false).size(), 2003U);
}

TEST("readdirplus takes one lookup count for each entry it delivers and none for one that did not fit") {
  Served fs(bigTree(50));
  const uint64_t before = fs.lookups();
  for (const uint32_t size : {500U, 777U, 4096U}) {
    std::map<NodeId, uint64_t> counts;
    for (const auto& entry : fs->list(kRootNode, true, size)) counts[entry.node] += entry.node == 0 ? 0 : 1;
    EXPECT_EQ(fs.lookups() - before, 50U);
    for (const auto& [node, count] : counts) {
      if (node != 0) fs->forget(node, count);
    }
    fs->getattr(kRootNode);  // requests are taken in order: the forgets are done
    EXPECT_EQ(fs.lookups(), before);
  }
}

TEST("batch forget gives back many lookup counts at once and answers nothing") {
  Served fs("a = 1\nb = 2");
  const uint64_t before = fs.lookups();
  const NodeId a = fs->find(kRootNode, "a");
  const NodeId b = fs->find(kRootNode, "b");
  fs->find(kRootNode, "b");
  EXPECT_EQ(fs.lookups() - before, 3U);
  Message message;
  message.add(abi::BatchForgetIn{.count = 2, .dummy = 0})
      .add(abi::ForgetOne{.nodeid = a, .nlookup = 1})
      .add(abi::ForgetOne{.nodeid = b, .nlookup = 2});
  const uint64_t unique = fs->send(abi::kBatchForget, 0, message);
  fs->getattr(kRootNode);
  EXPECT_EQ(fs.lookups(), before);
  EXPECT_EQ(fs->receive(unique, 20ms).error, Answer::kNone);
}

TEST("truncated arguments of every operation are refused and the server lives on") {
  Served fs("f = x");
  const NodeId file = fs->find(kRootNode, "f");
  for (uint32_t opcode = 1; opcode < abi::kOpcodeLimit; ++opcode) {
    const OpcodeRow* row = findOpcode(opcode);
    if (row == nullptr || row->minimum + row->names == 0) continue;
    for (size_t size = 0; size < row->minimum + size_t{row->names}; ++size) {
      const uint64_t unique = fs->send(opcode, file, Message().data(std::string(size, '\1')));
      if (row->reply == ReplyRule::none) continue;
      EXPECT_EQ(fs->receive(unique).error, EINVAL);
    }
  }
  EXPECT_EQ(fs->getattr(file).error, 0);
}

TEST("operations nobody knows are ENOSYS, and messages that lie about their length are EINVAL or dropped") {
  Served fs("f = x");
  for (const uint32_t opcode : {0U, 7U, 19U, 54U, 4096U, 0xffffffffU}) EXPECT_EQ(fs->call(opcode, kRootNode).error, ENOSYS);
  abi::InHeader header{};
  header.len = 41;
  header.opcode = abi::kGetattr;
  header.unique = 1'000'000;
  fs->sendRaw(Message().add(header).bytes());
  EXPECT_EQ(fs->receive(1'000'000).error, EINVAL);
  fs->sendRaw(testing::Bytes(17));
  EXPECT_EQ(fs->getattr(kRootNode).error, 0);
}

TEST("a second INIT is refused") {
  Served fs("");
  EXPECT_EQ(fs->receive(fs->sendInit()).error, EINVAL);
}

TEST("names that no directory can hold never reach the engine") {
  Served fs("d/");
  EXPECT_EQ(fs->lookup(kRootNode, std::string(256, 'n')).error, ENAMETOOLONG);
  EXPECT_EQ(fs->lookup(kRootNode, "").error, EINVAL);
  EXPECT_EQ(fs->lookup(kRootNode, "a/b").error, EINVAL);
  EXPECT_EQ(fs->mkdir(kRootNode, "..").error, EINVAL);
  EXPECT_EQ(fs->call(abi::kUnlink, kRootNode, Message().data("no NUL")).error, EINVAL);
}

TEST("a node the kernel never heard of is ESTALE") {
  Served fs("");
  EXPECT_EQ(fs->getattr(123456).error, ESTALE);
  EXPECT_EQ(fs->lookup(123456, "x").error, ESTALE);
  EXPECT_EQ(fs->read(123456, 0, 10).error, ESTALE);
}

TEST("an interrupt is never answered, known or unknown") {
  Served fs("");
  const uint64_t unique = fs->send(abi::kInterrupt, 0, Message().add(abi::InterruptIn{.unique = 4711}));
  EXPECT_EQ(fs->getattr(kRootNode).error, 0);
  EXPECT_EQ(fs->receive(unique, 20ms).error, Answer::kNone);
}

TEST("a write-back of times that are already so copies nothing up") {
  Served fs("f = x");
  const Answer found = fs->lookup(kRootNode, "f");
  const auto entry = found.as<abi::EntryOut>();
  abi::SetattrIn in{};
  in.valid = abi::fattr::kMtime | abi::fattr::kCtime;
  in.mtime = entry.attr.mtime;
  in.mtimensec = entry.attr.mtimensec;
  EXPECT_EQ(fs->call(abi::kSetattr, entry.nodeid, Message().add(in)).error, 0);
  EXPECT_EQ(fs.layers.dumpUpper(), "");
  in.mtime += 1;
  const Answer changed = fs->call(abi::kSetattr, entry.nodeid, Message().add(in));
  EXPECT_EQ(changed.as<abi::AttrOut>().attr.mtime, in.mtime);
  EXPECT_EQ(fs.layers.dumpUpper(), "f = x\n");
}

TEST("attribute changes arrive whole, and nanoseconds beyond a second are refused") {
  Served fs("");
  const NodeId file = fs->create(kRootNode, "f").as<abi::EntryOut>().nodeid;
  abi::SetattrIn in{};
  in.valid = abi::fattr::kMode | abi::fattr::kSize | abi::fattr::kAtime | abi::fattr::kMtime;
  in.mode = 0100600;
  in.size = 12345;
  in.atime = 1000;
  in.atimensec = 999'999'999;
  in.mtime = 2000;
  const auto attr = fs->call(abi::kSetattr, file, Message().add(in)).as<abi::AttrOut>().attr;
  EXPECT_EQ(attr.mode, 0100600U);
  EXPECT_EQ(attr.size, 12345U);
  EXPECT_EQ(attr.atime, 1000U);
  EXPECT_EQ(attr.atimensec, 999'999'999U);
  EXPECT_EQ(attr.mtime, 2000U);
  in.atimensec = 1'000'000'000;
  EXPECT_EQ(fs->call(abi::kSetattr, file, Message().add(in)).error, EINVAL);
}

TEST("xattr sizes are asked for with zero, and a buffer too small is ERANGE") {
  Served fs("");
  const NodeId file = fs->create(kRootNode, "f").as<abi::EntryOut>().nodeid;
  const auto set = [&](std::string_view value, uint32_t flags) {
    const abi::SetxattrIn in{.size = static_cast<uint32_t>(value.size()), .flags = flags, .setxattr_flags = 0, .padding = 0};
    return fs->call(abi::kSetxattr, file, Message().add(in).name("user.key").data(value)).error;
  };
  if (set("value", 0) == EOPNOTSUPP) SKIP("the temporary directory has no user xattrs");
  const auto get = [&](uint32_t size) {
    return fs->call(abi::kGetxattr, file, Message().add(abi::GetxattrIn{.size = size, .padding = 0}).name("user.key"));
  };
  EXPECT_EQ(get(0).as<abi::GetxattrOut>().size, 5U);
  EXPECT_EQ(get(5).text(), "value");
  EXPECT_EQ(get(4).error, ERANGE);
  EXPECT_EQ(set("other", 1), EEXIST);
  EXPECT_EQ(set("other", 4), EINVAL);
  const Answer names = fs->call(abi::kListxattr, file, Message().add(abi::GetxattrIn{.size = 1000, .padding = 0}));
  EXPECT(names.text().find("user.key") != std::string::npos);
  EXPECT_EQ(fs->call(abi::kRemovexattr, file, Message().name("user.key")).error, 0);
  EXPECT_EQ(get(0).error, ENODATA);
}

TEST("ioctls that are not inode flags are ENOTTY") {
  Served fs("f = x");
  abi::IoctlIn in{};
  in.cmd = 0x5401;  // TCGETS
  EXPECT_EQ(fs->call(abi::kIoctl, fs->find(kRootNode, "f"), Message().add(in)).error, ENOTTY);
  in.cmd = FS_IOC_GETFLAGS;
  in.out_size = 8;  // not what the answer would have
  EXPECT_EQ(fs->call(abi::kIoctl, fs->find(kRootNode, "f"), Message().add(in)).error, ENOTTY);
}

TEST("a hole is looked at again after the kernel wrote its dirty pages back") {
  Served fs("");
  const NodeId file = fs->create(kRootNode, "f").as<abi::EntryOut>().nodeid;
  abi::SetattrIn resize{};
  resize.valid = abi::fattr::kSize;
  resize.size = 1 << 20;
  fs->call(abi::kSetattr, file, Message().add(resize));
  // What the kernel does with a notification: it writes the dirty page back before the notification returns. Here the
  // notification has returned already, so the answer may come before; the write is what must be possible meanwhile.
  std::atomic<bool> notified{false};
  fs->onNotify([&](int32_t code, const testing::Bytes&) {
    EXPECT_EQ(code, static_cast<int32_t>(abi::kNotifyInvalInode));
    notified = true;
  });
  const auto seek = [&](uint64_t offset, int whence) {
    return fs->call(abi::kLseek, file,
                    Message().add(abi::LseekIn{.fh = 0, .offset = offset, .whence = static_cast<uint32_t>(whence), .padding = 0}));
  };
  EXPECT_EQ(seek(0, SEEK_DATA).error, ENXIO);
  EXPECT(notified);
  fs->write(file, 524288, std::string(4096, 'x'));
  EXPECT_EQ(seek(0, SEEK_DATA).as<abi::LseekOut>().offset, 524288U);
  EXPECT_EQ(seek(524288, SEEK_HOLE).as<abi::LseekOut>().offset, 528384U);
  notified = false;
  EXPECT_EQ(seek(524288, SEEK_DATA).as<abi::LseekOut>().offset, 524288U);
  EXPECT(!notified);
  EXPECT_EQ(seek(0, SEEK_END).error, EINVAL);
}

TEST("a write that takes setuid away makes the kernel forget the mode before it is answered") {
  Served fs("");
  const NodeId file = fs->create(kRootNode, "f", 0104755).as<abi::EntryOut>().nodeid;
  std::atomic<unsigned> notified{0};
  fs->onNotify([&](int32_t code, const testing::Bytes&) { notified += code == abi::kNotifyInvalInode ? 1 : 0; });
  abi::WriteIn in{};
  in.size = 1;
  EXPECT_EQ(fs->call(abi::kWrite, file, Message().add(in).data("x")).error, 0);
  EXPECT_EQ(notified.load(), 0U);
  in.write_flags = abi::kWriteKillSuidgid;
  EXPECT_EQ(fs->call(abi::kWrite, file, Message().add(in).data("x")).error, 0);
  EXPECT_EQ(notified.load(), 1U);
  EXPECT_EQ(fs->getattr(file).as<abi::AttrOut>().attr.mode, 0100755U);
}

TEST("where passthrough cannot be had for a file it is served through the page cache") {
  LayerFixture layers;
  auto overlay = layers.lower("f = x").open();
  ServedOverlay served(overlay, {.io = IoMode::passthrough, .initialAdmin = true});
  REQUIRE(served.ok());
  EXPECT_EQ(served.init().max_stack_depth, 2U);
  const NodeId file = served->find(kRootNode, "f");
  const Answer opened = served->call(abi::kOpen, file, Message().add(abi::OpenIn{.flags = O_RDONLY, .open_flags = 0}));
  REQUIRE(opened.ok());
  const auto out = opened.as<abi::OpenOut>();
  EXPECT_EQ(out.open_flags, abi::fopen::kKeepCache);
  EXPECT_EQ(served->read(file, 0, 10).text(), "x");
  abi::ReleaseIn release{};
  release.fh = out.fh;
  EXPECT_EQ(served->call(abi::kRelease, file, Message().add(release)).error, 0);
  const Answer created = served->call(
      abi::kCreate, kRootNode, Message().add(abi::CreateIn{.flags = O_RDWR, .mode = 0100600, .umask = 0, .open_flags = 0}).name("new"));
  EXPECT_EQ(created.error, 0);
  EXPECT_EQ(created.data.size(), sizeof(abi::EntryOut) + sizeof(abi::OpenOut));
  EXPECT_EQ(layers.dumpUpper(), "new = \n");
}

TEST("requests of many clients at once leave a consistent tree") {
  Served fs("shared = x");
  std::vector<std::thread> clients;
  for (int c = 0; c < 6; ++c) {
    clients.emplace_back([&fs, c] {
      const std::string mine = "dir" + std::to_string(c);
      fs->mkdir(kRootNode, mine);
      const NodeId dir = fs->find(kRootNode, mine);
      for (int i = 0; i < 25; ++i) {
        const std::string name = "f" + std::to_string(i);
        const NodeId file = fs->create(dir, name).as<abi::EntryOut>().nodeid;
        EXPECT_EQ(fs->write(file, 0, name).error, 0);
        EXPECT_EQ(fs->read(file, 0, 100).text(), name);
        fs->list(dir, true);
        EXPECT_EQ(fs->call(abi::kRename, dir, Message().add(abi::RenameIn{.newdir = kRootNode}).name(name).name(mine + name)).error, 0);
        fs->write(fs->find(kRootNode, "shared"), static_cast<uint64_t>(c), "y");
        if (i % 2 == 0) EXPECT_EQ(fs->call(abi::kUnlink, kRootNode, Message().name(mine + name)).error, 0);
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(fs->list(kRootNode, false).size(), 2U + 1 + 6 + 6 * 12);
  EXPECT_EQ(fs->read(fs->find(kRootNode, "shared"), 0, 10).text(), "yyyyyy");
}

TEST("operations are counted by name, with their failures") {
  Served fs("");
  fs->getattr(kRootNode);
  fs->getattr(999);
  fs->call(abi::kStatfs, kRootNode);  // a request is counted after its reply and before the next one is read
  const auto statistics = fs.served.server().statistics();
  REQUIRE(statistics.contains("GETATTR"));
  EXPECT_EQ(statistics.at("GETATTR").count, 2U);
  EXPECT_EQ(statistics.at("GETATTR").errors, 1U);
  EXPECT(!statistics.contains("MKDIR"));
}

TEST("a kernel that is too old, or silent, is told apart and nothing hangs") {
  LayerFixture layers;
  auto overlay = layers.lower("").open();
  std::string detail;
  FakeKernel old;
  const uint64_t unique = old.sendInit(FakeKernel::kEveryFlag, 20);
  EXPECT(Server::create(overlay, old.takeChannel(), {}, detail).failsWith(EPROTO));
  EXPECT(detail.find("7.20") != std::string::npos);
  EXPECT_EQ(old.receive(unique).error, EPROTO);
  FakeKernel silent;
  EXPECT(Server::create(overlay, silent.takeChannel(), {.initPatience = 30ms}, detail).failsWith(ETIMEDOUT));
}

}  // namespace
}  // namespace unionfs
