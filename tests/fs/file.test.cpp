#include <bobbin/fs/file.hpp>

#include <bobbin/file/no_op.hpp>
#include <bobbin/fs/posix.hpp>
#include <bobbin/testing/conformance/file_policy.hpp>
#include <bobbin/testing/sim_fs.hpp>

#include <boost/test/unit_test.hpp>

#include "files.hpp"
#include "temporary.hpp"

using namespace bobbin;
using namespace bobbin::testing;
using bobbin_tests::Files;
using bobbin_tests::read;

namespace {

template <class Fs>
void conforms(Files<Fs> files) {
    const auto read_it = [](auto& file) { return read(file); };
    for (const auto& line :
         conformance::file_policy<File<Fs>>([&] { return files.make(); }, read_it))
        BOOST_ERROR(line);
    for (const auto& line :
         conformance::file_policy<NoOp<File<Fs>>>([&] { return NoOp{files.make()}; }, read_it))
        BOOST_ERROR(line);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fs_file)

BOOST_AUTO_TEST_CASE(all_models_conform) {
    const bobbin_tests::TemporaryDirectory place;
    conforms(Files<PosixFs>{place / "d"});
    conforms(Files<SimFs>{"/sim/d"});
}

BOOST_AUTO_TEST_CASE(the_suite_sees_a_file_that_loses_bytes) {
    struct Lossy : NoOp<SimFile> {
        using NoOp<SimFile>::NoOp;
        Result<std::size_t> append(ByteView bytes) noexcept {
            if (bytes.size() == 4097) return bytes.size();
            return NoOp<SimFile>::append(bytes);
        }
    };
    Files<SimFs> files{"/sim/d"};
    BOOST_TEST(!conformance::file_policy<Lossy>(
                    [&] { return Lossy{files.make()}; },
                    [](Lossy& f) { return read(f); })
                    .empty());
}

BOOST_AUTO_TEST_CASE(a_truncated_file_grows_from_there) {
    Files<SimFs> files{"/sim/d"};
    auto file = files.make();
    BOOST_TEST((file.append(as_bytes("abcdef")) && file.truncate(Bytes{2}) &&
                file.append(as_bytes("xy"))));
    BOOST_TEST(read(file) == "abxy");
    BOOST_TEST(file.size().value == 4u);
}

BOOST_AUTO_TEST_CASE(handles_are_closed) {
    SimFs fs;
    Files<SimFs> files{"/sim/d", fs};
    const auto before = fs.open_handles();
    {
        auto one = files.make(), two = files.make();
        one = std::move(two);
        BOOST_TEST(fs.open_handles() == before + 1);
        BOOST_TEST(one.close().has_value());
        BOOST_TEST(!one.is_open());
    }
    BOOST_TEST(fs.open_handles() == before);
}

BOOST_AUTO_TEST_SUITE_END()
