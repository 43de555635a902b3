#include "targets.hpp"

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(fuzz_replay)

// All inputs that a fuzzer found worth keeping, and some more bent out of each.
BOOST_AUTO_TEST_CASE(corpora) {
    std::mt19937 random{11};
    for (const auto& target : bobbin_fuzz::targets) {
        target.run({});
        std::size_t inputs = 0;
        for (const auto& file : std::filesystem::directory_iterator{std::filesystem::path{BOBBIN_FUZZ_CORPUS} / target.name}) {
            std::ifstream in{file.path(), std::ios::binary};
            const std::string text{std::istreambuf_iterator<char>{in}, {}};
            const auto bytes = bobbin::as_bytes(text);
            target.run(bytes);
            ++inputs;
            for (int n = 0; n < 50 && !bytes.empty(); ++n) {
                std::vector<std::byte> bent{bytes.begin(), bytes.end()};
                for (auto flips = 1 + random() % 3; flips > 0; --flips)
                    bent[random() % bent.size()] = static_cast<std::byte>(random());
                if (random() % 4 == 0) bent.resize(random() % bent.size());
                target.run(bent);
            }
        }
        BOOST_TEST(inputs > 0U, target.name);
    }
}

BOOST_AUTO_TEST_SUITE_END()
