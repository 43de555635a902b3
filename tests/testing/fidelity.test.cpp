// Random operations have the same results and errors on the simulated file system as on real ones.
#include <bobbin/testing/sim_fs.hpp>

#include <bobbin/fs/posix.hpp>

#include <boost/test/unit_test.hpp>

#include <random>
#include <sstream>

#include "temporary.hpp"

using namespace bobbin;
using namespace bobbin::testing;
using bobbin_tests::TemporaryDirectory;

namespace {

// What each operation of a random sequence answered, one line each.
template <class Fs>
class Sequence {
public:
    Sequence(Fs fs, const std::string& root, std::uint64_t seed)
        : fs_{std::move(fs)}
        , random_{seed} {
        handles_.push_back(*fs_.open_root(root.c_str(), RootMode::create_if_missing));
    }
    Sequence(const Sequence&) = delete;
    Sequence& operator=(const Sequence&) = delete;
    ~Sequence() {
        for (const auto h : handles_) (void)fs_.close(h);
    }

    std::string run(int operations) {
        for (int i = 0; i < operations; ++i) step();
        return out_.str();
    }

private:
    std::uint64_t below(std::uint64_t n) { return random_() % n; }
    const char* name() {
        constexpr const char* names[] = {"a", "b", "c", "bobbin-lock", "0000000100000001", ""};
        return names[below(40) == 0 ? 5 : below(5)];
    }
    // Mostly around chunk borders, sometimes far out.
    std::uint64_t offset() {
        if (below(30) == 0) return below(2) == 0 ? std::uint64_t{1} << 63 : below(1 << 24);
        return below(4) * 4096 + below(3) * 100;
    }
    // Of a directory, a file, or (where slots were closed) of nothing.
    std::size_t slot() { return below(8) == 0 ? 0 : below(handles_.size()); }

    template <class T>
    void note(const char* what, const Result<T>& result) {
        out_ << what;
        if (!result)
            out_ << " error " << result.error().code << ' ' << name_of(result.error().operation)
                 << ' ' << name_of(result.error().kind());
        else if constexpr (std::is_same_v<T, std::size_t>)
            out_ << ' ' << *result;
        out_ << '\n';
    }

    void step() {
        const auto at = slot();
        const auto h = handles_[at];
        switch (below(12)) {
            case 0:
            case 1: {
                const auto mode = static_cast<OpenMode>(below(4));
                const auto dir = below(15) == 0 ? h : handles_[0];
                const auto opened = fs_.open_at(dir, name(), mode);
                note("open", opened);
                if (opened) handles_.push_back(*opened);
                break;
            }
            case 2:
                if (at == 0) break;
                note("close", fs_.close(h));
                // Real handles are used again at once, so a closed one is replaced by none at all.
                if (below(4) != 0)
                    handles_.erase(handles_.begin() + static_cast<std::ptrdiff_t>(at));
                else
                    handles_[at] = no_file;
                break;
            case 3:
            case 4: {
                const std::string bytes(below(9000), static_cast<char>('a' + below(26)));
                note("write", fs_.write_at(h, as_bytes(bytes), offset()));
                break;
            }
            case 5:
            case 6: {
                std::string bytes(below(9000), '?');
                const auto got = fs_.read_at(h, std::as_writable_bytes(std::span{bytes}), offset());
                note("read", got);
                if (got) out_ << std::hash<std::string>{}(bytes) << '\n';
                break;
            }
            case 7:
                note("truncate", fs_.truncate(h, below(20) == 0 ? offset() : below(20'000)));
                break;
            case 8: note("sync", below(2) == 0 ? fs_.sync(h) : fs_.sync_directory(h)); break;
            case 9: note("remove", fs_.remove(below(20) == 0 ? h : handles_[0], name())); break;
            case 10: {
                // The order in which arguments are evaluated is not the same everywhere.
                const auto* from = name();
                const auto* to = name();
                note("rename", fs_.rename(handles_[0], from, to));
                break;
            }
            default: look(h);
        }
    }

    void look(FileHandle h) {
        if (below(3) == 0) return note("lock", fs_.lock(h));
        const auto status = fs_.status(h);
        note("status", status);
        if (status && status->is_regular) out_ << status->size.value << '\n';
        if (status && status->is_directory) out_ << "directory\n";
        const auto names = fs_.list(h);
        note("list", names);
        if (names)
            for (const auto& each : *names) out_ << each << '\n';
    }

    Fs fs_;
    std::mt19937_64 random_;
    std::vector<FileHandle> handles_;
    std::ostringstream out_;
};

std::string first_difference(const std::string& a, const std::string& b) {
    std::istringstream left{a}, right{b};
    std::string x, y;
    for (int line = 1; std::getline(left, x) && std::getline(right, y); ++line)
        if (x != y) return "line " + std::to_string(line) + ": " + x + " | " + y;
    return "";
}

void same_as_on(const TemporaryDirectory& place, std::uint64_t sequences) {
    for (std::uint64_t seed = 1; seed <= sequences; ++seed) {
        const auto root = place / std::to_string(seed).c_str();
        const auto simulated = Sequence{SimFs{}, "/sim/root", seed}.run(100);
        const auto real = Sequence{PosixFs{}, root, seed}.run(100);
        BOOST_TEST(simulated == real,
                   "seed " << seed << " (simulated | real): " << first_difference(simulated, real));
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(testing_fidelity)

BOOST_AUTO_TEST_CASE(to_tmpfs) {
    const TemporaryDirectory place{"/dev/shm"};
    same_as_on(place, 1000);
}

BOOST_AUTO_TEST_CASE(to_the_disk_of_the_build) {
    const TemporaryDirectory place;
    same_as_on(place, 300);
}

BOOST_AUTO_TEST_SUITE_END()
