#include <bobbin/fs/directory.hpp>

#include <bobbin/fs/posix.hpp>
#include <bobbin/testing/conformance/directory.hpp>
#include <bobbin/testing/faulty_fs.hpp>
#include <bobbin/testing/sim_fs.hpp>
#include <bobbin/testing/tracing_fs.hpp>

#include <boost/test/unit_test.hpp>

#include "temporary.hpp"

using namespace bobbin;
using namespace bobbin::testing;

namespace {

template <class Fs>
auto opener(Fs fs, std::string path) {
    return [fs, path = std::move(path)] {
        return *FsDirectory<Fs>::open(path, RootMode::create_if_missing, fs);
    };
}

DirectoryIdentity some_identity(unsigned n) {
    DirectoryIdentity identity;
    identity.store.bytes[3] = static_cast<std::byte>(n);
    identity.complete = OpenRecord{OpenId{n}, {}};
    return identity;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fs_directory)

BOOST_AUTO_TEST_CASE(conforms) {
    const bobbin_tests::TemporaryDirectory place;
    for (const auto& line : conformance::directory<PosixDirectory>(opener(PosixFs{}, place / "d")))
        BOOST_ERROR(line);
    for (const auto& line : conformance::directory<SimDirectory>(opener(SimFs{}, "/sim/d")))
        BOOST_ERROR(line);
    using Traced = TracingFs<SimFs>;
    for (const auto& line : conformance::directory<FsDirectory<Traced>>(opener(Traced{}, "/sim/d")))
        BOOST_ERROR(line);
}

BOOST_AUTO_TEST_CASE(the_identity_is_published_in_order) {
    TracingFs<SimFs> fs;
    auto directory = opener(fs, "/sim/d")();
    BOOST_TEST(directory.write_identity(some_identity(1)).has_value());
    std::string order;
    for (const auto& call : fs.trace().calls()) order += std::string{name_of(call.call)} + ' ';
    BOOST_TEST(order == "open_root create truncate write sync close rename sync_directory ");
}

BOOST_AUTO_TEST_CASE(a_damaged_identity_is_told_from_a_missing_one) {
    SimFs fs;
    auto directory = opener(fs, "/sim/d")();
    BOOST_TEST(directory.write_identity(some_identity(1)).has_value());
    auto file = fs.open_at(directory.handle(), SimDirectory::identity_name, OpenMode::write);
    BOOST_TEST(fs.truncate(*file, 127).has_value());
    BOOST_TEST(directory.read_identity().error().is(Errc::identity_malformed));
    BOOST_TEST(fs.truncate(*file, 129).has_value());
    BOOST_TEST(directory.read_identity().error().is(Errc::identity_malformed));
    BOOST_TEST(fs.close(*file).has_value());
}

BOOST_AUTO_TEST_CASE(whatever_fails_the_identity_is_old_or_new) {
    for (const bool for_ever : {false, true})
        for (std::uint64_t nth = 1;; ++nth) {
            FaultyFs<SimFs> fs;
            auto directory = opener(fs, "/sim/d")();
            BOOST_TEST(directory.write_identity(some_identity(1)).has_value());
            fs.plan().add({CallSet::all(), nth, for_ever, EIO});
            const bool written = directory.write_identity(some_identity(2)).has_value();
            const bool met = fs.plan().hits() != 0;
            fs.plan().clear();
            const auto read = directory.read_identity();
            BOOST_TEST((read && *read));
            BOOST_TEST((**read == some_identity(1) || **read == some_identity(2)));
            if (written) BOOST_TEST((**read == some_identity(2)));
            BOOST_TEST(ground_of(fs).open_handles() == 1u, "a handle leaked at call " << nth);
            if (!met) break;
            BOOST_TEST(!written);
        }
}

BOOST_AUTO_TEST_CASE(an_interrupted_call_is_repeated) {
    for (std::uint64_t nth = 1;; ++nth) {
        FaultyFs<SimFs> fs;
        fs.plan().add({CallSet::all().without({Call::sync, Call::sync_directory, Call::close,
                                               Call::list, Call::space}),
                       nth, false, EINTR});
        {
            auto directory =
                FsDirectory<FaultyFs<SimFs>>::open("/sim/d", RootMode::create_if_missing, fs);
            BOOST_REQUIRE(directory.has_value());
            BOOST_TEST(directory->lock().has_value());
            BOOST_TEST(directory->write_identity(some_identity(1)).has_value());
            auto file = directory->create(ObjectId{1});
            BOOST_TEST((file && file->append(as_bytes("a")) && file->truncate(Bytes{0})));
            BOOST_TEST(directory->remove(ObjectId{1}).has_value());
        }
        if (fs.plan().hits() == 0) break;
    }
}

BOOST_AUTO_TEST_CASE(names_of_its_own) {
    BOOST_TEST(SimDirectory::is_own_name("bobbin-lock"));
    BOOST_TEST(SimDirectory::is_own_name("bobbin-directory.new"));
    BOOST_TEST(!SimDirectory::is_own_name("0000000100000001"));
}

BOOST_AUTO_TEST_SUITE_END()
