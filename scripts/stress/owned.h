// owned.h - the part of a worker that knows what it must find: directories nobody else touches, with a model of every
// file in memory. Each operation changes the tree and the model, and then asks the tree whether it agrees.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "content.h"
#include "fd.h"
#include "rng.h"

// One inode of the model; hard links share it.
struct OwnedFile {
  Bytes data;
  mode_t mode = 0644;
  uid_t uid = 0;
  std::map<std::string, std::string> attributes;
  int links = 1;
};

class OwnedArea {
 public:
  // `root` is the directory that holds own-W; it stays open as long as this lives.
  OwnedArea(int root, const TreePlan& plan, int worker);

  // Does one random operation and checks it.
  void step();

  // Compares everything with the model.
  void verifyAll();

 private:
  using FilePtr = std::shared_ptr<OwnedFile>;
  using Operation = void (OwnedArea::*)();
  struct Entry {
    FilePtr file;        // null for a symlink
    std::string target;  // of a symlink
  };
  struct Directory {
    std::string path;
    std::map<std::string, Entry> entries;
  };
  struct Held {
    Fd fd;
    FilePtr file;
  };
  struct Place {
    Directory* directory;
    std::string name;
    std::string path;
    FilePtr file;
  };
  struct NamedOperation {
    const char* name;
    Operation run;
  };
  static const NamedOperation kOperations[];

  // Content.
  void create();
  void writeAt();
  void append();
  void writeMapped();
  void truncate();
  void allocate();
  void copyRange();
  void readBack();
  void seekHoles();
  void sync();
  void hold();
  void useHeld();
  // Names.
  void renameOver();
  void renameNoReplace();
  void renameExchange();
  void linkTo();
  void unlinkName();
  void unlinkedIo();
  void symlinkTo();
  void temporaryFile();
  void list();
  void removeTree();
  void moveDirectory();
  void removedDirectory();
  // Attributes.
  void changeMode();
  void changeOwner();
  void changeTimes();
  void setAttribute();
  void removeAttribute();
  void lockOut();

  Directory& anyDirectory();
  Place anyEntry();
  Place anyFile();
  Place newName();
  Fd open(const std::string& path, int flags);
  void put(const Place& place, Entry entry);
  void forgetName(Directory& directory, const std::string& name);
  void patch(OwnedFile& file, size_t offset, const Bytes& bytes);
  Bytes freshBytes(size_t limit);
  void verifyFile(const std::string& path, const OwnedFile& file);
  void verifyContent(int fd, const std::string& path, const OwnedFile& file);
  void verifyDirectory(const Directory& directory);

  int root_;
  TreePlan plan_;
  int worker_;
  Rng rng_;
  std::vector<Directory> directories_;
  std::vector<Held> held_;
  uint64_t nameCounter_ = 0;
};
