#include "cli/command.h"

int main(int argc, char** argv) {
  return tatara::cli::Run(std::vector<std::string>(argv + 1, argv + argc));
}
