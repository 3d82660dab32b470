// args.h - the command line of a verb: words first, then `--key value` pairs, then optionally `--` and a command to run.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace bench {

class Args {
 public:
  // Ends the program with a message when a key has no value.
  explicit Args(std::span<char*> words);

  // The word at this position; ends the program when it is missing.
  [[nodiscard]] const std::string& word(std::size_t position) const;
  [[nodiscard]] const std::string& text(const std::string& key) const;
  [[nodiscard]] std::string text(const std::string& key, const std::string& otherwise) const;
  [[nodiscard]] std::uint64_t number(const std::string& key) const;
  [[nodiscard]] std::uint64_t number(const std::string& key, std::uint64_t otherwise) const;
  // What stands after `--`, ready for exec: the last element is null.
  [[nodiscard]] std::vector<char*> command() const;

 private:
  std::vector<std::string> words_;
  std::map<std::string, std::string> options_;
  std::vector<char*> command_;
};

}  // namespace bench
