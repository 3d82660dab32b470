#include "daemon/json.h"

#include "daemon/troubles.h"
#include "testing/test.h"

namespace unionfs::daemon {
namespace {

TEST("JSON texts hold what they were given, with quotes, backslashes and control characters escaped") {
  EXPECT_EQ(jsonText("a\"b\\c\n\x1f/\xc3\xa4"), R"("a\"b\\c\u000a\u001f/ä")");
  EXPECT_EQ(jsonTexts({}), "[]");
  EXPECT_EQ(jsonTexts({"a", ""}), R"(["a",""])");
}

TEST("a JSON object has its members in order") {
  EXPECT_EQ(JsonObject().done(), "{}");
  JsonObject object;
  object.text("t", "x").number("n", 18446744073709551615U).real("r", 0.5).flag("f", false).json("j", "[1]");
  EXPECT_EQ(object.done(), R"({"t":"x","n":18446744073709551615,"r":0.5,"f":false,"j":[1]})");
}

TEST("troubles are kept newest last, the same one once, and one kind leaves room for others") {
  Troubles troubles;
  const auto add = [&](log::Level level, const char* message, const std::string& fields) { troubles.add({level, message, fields}); };
  add(log::Level::info, "not a trouble", "");
  add(log::Level::error, "rare", R"("n":1)");
  for (int i = 0; i < 40; ++i) add(log::Level::warn, "often", "\"n\":" + std::to_string(i % 20));
  const std::string json = troubles.json();
  EXPECT(json.find("not a trouble") == std::string::npos);
  EXPECT(json.find(R"("level":"error","message":"rare","fields":{"n":1},"times":1})") != std::string::npos);
  EXPECT(json.find(R"("fields":{"n":19},"times":1}])") != std::string::npos);
  EXPECT(json.find(R"("fields":{"n":13})") == std::string::npos);
  add(log::Level::error, "rare", R"("n":1)");
  EXPECT(troubles.json().find(R"("fields":{"n":1},"times":2}])") != std::string::npos);
}

}  // namespace
}  // namespace unionfs::daemon
