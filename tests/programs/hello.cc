// Uses what a C++ runtime is for: containers, streams, exceptions across functions.
#include <algorithm>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

struct Answer : std::runtime_error {
	int value;
	explicit Answer(int value) : std::runtime_error("an answer"), value(value) {}
};

static void ask(const std::vector<int> &numbers)
{
	throw Answer(numbers.size() * 14);
}

int main()
{
	std::vector<int> numbers = {3, 1, 2};
	int caught = 0;

	std::sort(numbers.begin(), numbers.end());
	try {
		ask(numbers);
	} catch (const Answer &answer) {
		caught = answer.value;
	}
#ifdef __GLIBC__
	const std::string libc = "glibc";
#else
	const std::string libc = "musl";
#endif
	std::cout << "sorted " << numbers[0] << ' ' << numbers[1] << ' ' << numbers[2] << ", caught " << caught << ", on "
		  << libc << std::endl;
	return 0;
}
