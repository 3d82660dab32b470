#include "daemon/plain_request.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>
#include <utility>

namespace unionfs::daemon {
namespace {

constexpr std::string_view kQuotedLabel = "context=\"";

struct Option {
  std::string_view name, value;
  bool hasValue = false;
};

// The end of the option that `list` begins with. A value of SELinux is in quotes, as it holds commas.
std::optional<size_t> endOfOption(std::string_view list) {
  if (list.substr(0, kQuotedLabel.size()) != kQuotedLabel) return std::min(list.find(','), list.size());
  const size_t close = list.find('"', kQuotedLabel.size());
  if (close == std::string_view::npos) return std::nullopt;
  const size_t end = close + 1;
  return end == list.size() || list[end] == ',' ? std::optional(end) : std::nullopt;
}

Option toOption(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos) return {text, {}, false};
  return {text.substr(0, equals), text.substr(equals + 1), true};
}

// Digits alone, up to the largest number an id field holds.
std::optional<uint64_t> toNumber(std::string_view text) {
  constexpr size_t kMostDigits = 10;
  uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
  return whole && text.size() <= kMostDigits && number <= UINT32_MAX ? std::optional(number) : std::nullopt;
}

// ONDISK:PRESENTED:LEN[:...], with a colon in front where triples were joined (src/program/mapping.ts).
bool readRanges(std::string_view text, std::vector<IdRange>& into) {
  constexpr uint64_t kIds = uint64_t{1} << 32;
  if (text.starts_with(':')) text.remove_prefix(1);
  std::vector<uint64_t> numbers;
  while (true) {
    const size_t colon = std::min(text.find(':'), text.size());
    const auto number = toNumber(text.substr(0, colon));
    if (!number) return false;
    numbers.push_back(*number);
    if (colon == text.size()) break;
    text.remove_prefix(colon + 1);
  }
  if (numbers.size() % 3 != 0) return false;
  for (size_t i = 0; i < numbers.size(); i += 3) {
    if (numbers[i] + numbers[i + 2] > kIds || numbers[i + 1] + numbers[i + 2] > kIds) return false;
    into.push_back({static_cast<uint32_t>(numbers[i]), static_cast<uint32_t>(numbers[i + 1]), static_cast<uint32_t>(numbers[i + 2])});
  }
  return true;
}

// What ".." behind a symlink is depends on who reads the path (src/stack/stack.ts takes it away before anything is looked at).
bool climbs(std::string_view path) { return ("/" + std::string(path) + "/").find("/../") != std::string::npos; }

class Reader {
 public:
  explicit Reader(PlainRequest& into) : into_(into) {}

  bool list(std::string_view list) {
    while (!list.empty()) {
      const auto end = endOfOption(list);
      if (!end || (*end > 0 && !option(list.substr(0, *end)))) return false;
      list.remove_prefix(std::min(*end + 1, list.size()));
    }
    return true;
  }

 private:
  // False: not plain. Of options that come twice, or contradict each other, the order counts: that is not plain.
  bool option(std::string_view text) {
    const Option option = toOption(text);
    if (text.find('\\') != std::string_view::npos) return false;
    const bool isQuoted = text.substr(0, kQuotedLabel.size()) == kQuotedLabel;
    if (!isQuoted && text.find('"') != std::string_view::npos) return false;
    if (option.name == "context") return option.hasValue;
    return option.hasValue ? value(option) : flag(option.name);
  }

  bool value(const Option& option) {
    if (!isFirst(option.name)) return false;
    if (option.name == "lowerdir") return lowers(option.value);
    if (option.name == "upperdir") return path(option.value, into_.upper);
    if (option.name == "workdir") return path(option.value, into_.workdir);
    if (option.name == "writeback") return bit(option.value, into_.writeback);
    if (option.name == "fsync") return isFirst("volatile") && bit(option.value, into_.sync);
    if (option.name == "uidmapping") return readRanges(option.value, into_.uidRanges);
    if (option.name == "gidmapping") return readRanges(option.value, into_.gidRanges);
    if (option.name == "squash_to_uid") return owner(option.value, into_.squashUid);
    if (option.name == "squash_to_gid") return owner(option.value, into_.squashGid);
    return false;
  }

  bool flag(std::string_view name) {
    const bool is = name.substr(0, 2) != "no";
    const std::string_view what = is ? name : name.substr(2);
    if (!isFirst(what)) return false;
    if (name == "volatile") return set(into_.sync, false) && isFirst("fsync");
    if (name == "allow_other") return into_.allowOther = true;
    if (what == "exec") return set(into_.exec, is);
    if (name == "private") return remark(name);
    if (what != "dev" && what != "suid") return name == "rw";
    return set(what == "dev" ? into_.dev : into_.suid, is);
  }

  bool lowers(std::string_view value) {
    while (!value.empty()) {
      const size_t colon = std::min(value.find(':'), value.size());
      const std::string_view path = value.substr(0, colon);
      if (path.substr(0, 2) == "//" || climbs(path)) return false;
      if (!path.empty()) into_.lowers.emplace_back(path);
      value.remove_prefix(std::min(colon + 1, value.size()));
    }
    return !into_.lowers.empty();
  }

  static bool path(std::string_view value, std::string& into) {
    into = value;
    return !into.empty() && !climbs(value);
  }

  static bool owner(std::string_view value, std::optional<uint32_t>& into) {
    const auto number = toNumber(value);
    if (number && *number < UINT32_MAX) into = static_cast<uint32_t>(*number);
    return into.has_value();
  }

  // buildah passes it with each overlaid volume.
  bool remark(std::string_view option) {
    into_.said.append("unknown argument ignored: ").append(option).push_back('\n');
    return true;
  }

  static bool bit(std::string_view value, bool& into) {
    if (value != "0" && value != "1") return false;
    return set(into, value == "1");
  }

  static bool set(bool& what, bool value) {
    what = value;
    return true;
  }

  bool isFirst(std::string_view name) { return seen_.insert(name).second; }

  PlainRequest& into_;
  std::set<std::string_view> seen_;
};

}  // namespace

std::optional<PlainRequest> readPlainRequest(bool standIn, std::span<char* const> words) {
  PlainRequest request;
  request.standIn = standIn;
  Reader reader(request);
  std::vector<std::string> others;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string_view word(words[i]);
    if (word == "-o") {
      if (++i == words.size() || !reader.list(words[i])) return std::nullopt;
    } else if (word.empty() || word[0] == '-') {
      return std::nullopt;
    } else {
      others.emplace_back(word);
    }
  }
  if (others.empty() || others.size() > 2 || request.lowers.empty()) return std::nullopt;
  if (request.upper.empty() != request.workdir.empty() || climbs(others.back())) return std::nullopt;
  request.mountpoint = others.back();
  if (others.size() == 2) request.source = others.front();
  return request;
}

}  // namespace unionfs::daemon
