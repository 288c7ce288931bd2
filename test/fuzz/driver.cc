#include "fuzz/driver.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>

namespace tatara::fuzz {
namespace {

using Clock = std::chrono::steady_clock;
constexpr size_t kSizeMax = 1 << 16;
constexpr size_t kPoolMax = 512;
constexpr std::chrono::seconds kSlow{5};

// What a signal handler may touch: the input under way, and where to keep it.
struct Current {
  char bytes[2 * kSizeMax];
  size_t size = 0;
  char file[256];
};
Current current;

void KeepInput() {
  const int file = open(current.file, O_CREAT | O_WRONLY | O_TRUNC, 0644);
  if (file < 0) return;
  (void)!write(file, current.bytes, current.size);
  close(file);
}

void OnCrash(int signal_number) {
  KeepInput();
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

class Mutator {
 public:
  Mutator(const Target& target, uint64_t seed)
      : random_(seed), pool_(target.seeds), words_(target.words) {}

  std::string Next() {
    std::string text = Pick(pool_);
    for (uint64_t n = 1 + Below(6); n > 0; --n) Change(text);
    if (text.size() > kSizeMax) text.resize(kSizeMax);
    // Without coverage to judge by, some mutants are kept to be mutated further.
    if (Below(50) == 0) {
      if (pool_.size() < kPoolMax) {
        pool_.push_back(text);
      } else {
        pool_[Below(kPoolMax)] = text;
      }
    }
    return text;
  }

 private:
  uint64_t Below(uint64_t n) { return n == 0 ? 0 : random_() % n; }
  const std::string& Pick(const std::vector<std::string>& from) { return from[Below(from.size())]; }

  void Change(std::string& text) {
    const size_t at = Below(text.size() + 1);
    const size_t length = std::min<size_t>(text.size() - at, 1 + Below(16));
    switch (Below(8)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << Below(8)));
        break;
      case 1:
        if (at < text.size()) text[at] = static_cast<char>(Below(256));
        break;
      case 2:
        text.erase(at, length);
        break;
      case 3:
        text.insert(at, text.substr(Below(text.size() + 1), 1 + Below(64)));
        break;
      case 4:
        text.insert(at, Pick(words_));
        break;
      case 5:
        text.replace(at, length, Pick(words_));
        break;
      case 6: {  // the beginning of one, the end of another
        const std::string& other = Pick(pool_);
        text = text.substr(0, at) + other.substr(Below(other.size() + 1));
        break;
      }
      default: {  // many times the same
        std::string many;
        const std::string& word = Pick(words_);
        for (uint64_t n = uint64_t{1} << Below(12); n > 0 && many.size() < 8192; --n) many += word;
        text.insert(at, many);
      }
    }
  }

  std::mt19937_64 random_;
  std::vector<std::string> pool_;
  const std::vector<std::string> words_;
};

// False when it took so long that something is not linear.
bool RunOne(const Target& target, std::string_view input) {
  std::copy(input.begin(), input.end(), current.bytes);
  current.size = input.size();
  const auto began = Clock::now();
  target.run(input);
  if (Clock::now() - began < kSlow) return true;
  KeepInput();
  std::fprintf(stderr, "fuzz_%s: one input took more than 5 s; kept in %s\n", target.name.c_str(),
               current.file);
  return false;
}

}  // namespace

int Main(int argc, char** argv, const Target& target) {
  int64_t seconds = 10, seed = 1;
  std::string file;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--seconds") == 0) seconds = std::atoll(argv[i + 1]);
    if (std::strcmp(argv[i], "--seed") == 0) seed = std::atoll(argv[i + 1]);
    if (std::strcmp(argv[i], "--input") == 0) file = argv[i + 1];
  }
  std::snprintf(current.file, sizeof current.file, "fuzz_%s.crash", target.name.c_str());
  for (int number : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL}) signal(number, OnCrash);
  if (!file.empty()) {
    std::ifstream stream(file, std::ios::binary);
    const std::string input{std::istreambuf_iterator<char>(stream), {}};
    return RunOne(target, std::string_view(input).substr(0, sizeof current.bytes)) ? 0 : 1;
  }
  Mutator mutator(target, static_cast<uint64_t>(seed));
  const auto end = Clock::now() + std::chrono::seconds(seconds);
  int64_t inputs = 0;
  for (const std::string& text : target.seeds) (void)RunOne(target, text);
  for (; Clock::now() < end; ++inputs) {
    if (!RunOne(target, mutator.Next())) return 1;
  }
  std::printf("fuzz_%s: %lld inputs with seed %lld\n", target.name.c_str(),
              static_cast<long long>(inputs), static_cast<long long>(seed));
  return 0;
}

}  // namespace tatara::fuzz
