#include "daemon/plain_request.h"

#include "testing/test.h"

namespace unionfs::daemon {
namespace {

std::optional<PlainRequest> read(std::vector<std::string> words, bool standIn = false) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  return readPlainRequest(standIn, pointers);
}

std::optional<PlainRequest> readList(const std::string& list) { return read({"-o", list, "/mnt"}); }

TEST("what podman writes is plain: lowers, upper, work directory, an empty option, volatile") {
  const auto request = readList("lowerdir=/s/l/A:/s/l/B,upperdir=/s/ID/diff,workdir=/s/ID/work,,volatile");
  REQUIRE(request.has_value());
  EXPECT(request->lowers == std::vector<std::string>({"/s/l/A", "/s/l/B"}));
  EXPECT_EQ(request->upper, "/s/ID/diff");
  EXPECT_EQ(request->workdir, "/s/ID/work");
  EXPECT_EQ(request->mountpoint, "/mnt");
  EXPECT_EQ(request->source, "");
  EXPECT(!request->sync && request->suid && request->exec && request->writeback);
  EXPECT(!request->dev && !request->allowOther);
}

TEST("what containerd writes is plain: the source first, lists in pieces, rights") {
  const auto request = read({"overlay", "/t", "-o", "workdir=/w,upperdir=/u", "-o", "lowerdir=/a", "-o", "writeback=0,dev,suid"}, true);
  REQUIRE(request.has_value());
  EXPECT_EQ(request->source, "overlay");
  EXPECT_EQ(request->mountpoint, "/t");
  EXPECT(request->standIn && request->dev && request->suid && !request->writeback);
}

TEST("a label of SELinux is passed over with the commas in its quotes") {
  const auto request = readList("lowerdir=/a,context=\"system_u:object_r:container_file_t:s0:c1,c2\",nodev,nosuid,noexec");
  REQUIRE(request.has_value());
  EXPECT(request->lowers == std::vector<std::string>({"/a"}));
  EXPECT(!request->dev && !request->suid && !request->exec);
  EXPECT(!readList("lowerdir=/a,context=\"open").has_value());
  EXPECT(!readList("lowerdir=/a,context=\"a\"b").has_value());
}

TEST("mappings and squashes are plain, and so is what buildah says beside") {
  const auto request =
      readList("lowerdir=/a,private,fsync=0,uidmapping=:0:1:1001:1001:0:1,gidmapping=5:6:7,squash_to_uid=8,squash_to_gid=0");
  REQUIRE(request.has_value());
  REQUIRE(request->uidRanges.size() == 2 && request->gidRanges.size() == 1);
  EXPECT_EQ(request->uidRanges[1].onDisk, 1001U);
  EXPECT_EQ(request->uidRanges[1].presented, 0U);
  EXPECT_EQ(request->uidRanges[1].count, 1U);
  EXPECT_EQ(request->gidRanges[0].presented, 6U);
  EXPECT(request->squashUid == 8U && request->squashGid == 0U && !request->sync);
  EXPECT_EQ(request->said, "unknown argument ignored: private\n");
}

TEST("what has to be taken apart, weighed or told of is left to the program") {
  for (const char* list : {
           "upperdir=/u,workdir=/w",            // no lowers
           "lowerdir=",                         //
           "lowerdir=/a,upperdir=/u",           // no work directory
           "lowerdir=/a,workdir=/w",            //
           "lowerdir=/a,upperdir=,workdir=/w",  //
           "lowerdir=/a\\:b",                   // escapes
           "lowerdir=/a,upperdir=/u\\,,workdir=/w",
           "lowerdir=\"/a\"",           // quotes
           "lowerdir=//plugin/data/a",  // errors
           "lowerdir=/a,lowerdir=/b",   // the last one counts
           "lowerdir=/a,dev,nodev",     //
           "lowerdir=/a:/b/../c",       // what it names depends on who reads it
           "lowerdir=/a,upperdir=..,workdir=/w",
           "lowerdir=/a,context=x\\,nosuid",  // escapes
           "lowerdir=/a,context=x\"y",        //
           "lowerdir=/a,ro",                  // an upper would become a lower
           "lowerdir=/a,writeback=2",         //
           "lowerdir=/a,volatile=1",          //
           "lowerdir=/a,uidmapping=0:1",      //
           "lowerdir=/a,uidmapping=0:1:x",    //
           "lowerdir=/a,uidmapping=1:1:4294967296",
           "lowerdir=/a,squash_to_uid=4294967295",
           "lowerdir=/a,squash_to_gid=-1",     //
           "lowerdir=/a,fsync=0,volatile",     //
           "lowerdir=/a,noacl",                // known, and rare
           "lowerdir=/a,xattr_permissions=2",  //
           "lowerdir=/a,timeout=0",            //
           "lowerdir=/a,debug",                //
           "lowerdir=/a,bogus",                // unknown: told on stderr
           "lowerdir=/a,redirect_dir=on",      //
       }) {
    if (readList(list).has_value()) testing::recordFailure(__FILE__, __LINE__, list);
  }
  for (const auto& words : std::vector<std::vector<std::string>>{{"-o", "lowerdir=/a"},                           // no mount point
                                                                 {"-o", "lowerdir=/a", "/s", "/t", "/u"},         //
                                                                 {"-o", "lowerdir=/a", "-f", "/t"},               //
                                                                 {"-o", "lowerdir=/a", "--", "/t"},               //
                                                                 {"-o", "lowerdir=/a", "/t/.."},                  //
                                                                 {"-olowerdir=/a", "/t"},                         //
                                                                 {"/t", "-o"},                                    //
                                                                 {"-o", "lowerdir=/a", ""},                       //
                                                                 {"--options", "lowerdir=/a", "/t"},              //
                                                                 {"-d", "-o", "lowerdir=/a", "/t"},               //
                                                                 {"-o", "lowerdir=/a,upperdir=/u", "-V", "/t"}})  //
    if (read(words).has_value()) testing::recordFailure(__FILE__, __LINE__, words.back());
}

}  // namespace
}  // namespace unionfs::daemon
