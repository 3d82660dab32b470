// args.cc - see args.h.
#include "args.h"

#include <charconv>
#include <string_view>

#include "report.h"

namespace bench {

Args::Args(std::span<char*> words) {
  std::size_t i = 0;
  for (; i < words.size(); ++i) {
    const std::string word = words[i];
    if (word == "--") break;
    if (!word.starts_with("--")) {
      words_.push_back(word);
      continue;
    }
    if (i + 1 == words.size()) usage(word + " needs a value");
    options_[word.substr(2)] = words[++i];
  }
  for (++i; i < words.size(); ++i) command_.push_back(words[i]);
}

const std::string& Args::word(std::size_t position) const {
  if (position >= words_.size()) usage("an argument is missing");
  return words_[position];
}

const std::string& Args::text(const std::string& key) const {
  const auto found = options_.find(key);
  if (found == options_.end()) usage("--" + key + " is missing");
  return found->second;
}

std::string Args::text(const std::string& key, const std::string& otherwise) const {
  const auto found = options_.find(key);
  return found == options_.end() ? otherwise : found->second;
}

std::uint64_t Args::number(const std::string& key) const {
  const std::string& value = text(key);
  std::uint64_t parsed = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), parsed);
  if (error != std::errc() || end != value.data() + value.size()) usage("--" + key + ": not a number: " + value);
  return parsed;
}

std::uint64_t Args::number(const std::string& key, std::uint64_t otherwise) const {
  return options_.contains(key) ? number(key) : otherwise;
}

std::vector<char*> Args::command() const {
  if (command_.empty()) usage("a command after -- is missing");
  std::vector<char*> result = command_;
  result.push_back(nullptr);
  return result;
}

}  // namespace bench
