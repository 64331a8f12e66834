// One program of two language modes: both answer alike, apart from the mode.
#include <cstdio>
#include <string>

std::string everything_in_20();
std::string everything_in_23();

int main() {
  const std::string in_20 = everything_in_20();
  const std::string in_23 = everything_in_23();
  std::printf("%s\n%s\n", in_20.c_str(), in_23.c_str());
  const auto text = [](const std::string& all) { return all.substr(0, all.rfind(':')); };
  return text(in_20) == text(in_23) && in_20 != in_23 ? 0 : 1;
}
