#include <bobbin/file/stream_buffer.hpp>

#include <bobbin/file/uncached.hpp>
#include <bobbin/file/writeback.hpp>
#include <bobbin/testing/faulty_fs.hpp>
#include <bobbin/testing/sim_fs.hpp>
#include <bobbin/testing/tracing_fs.hpp>

#include <boost/test/unit_test.hpp>

#include <ostream>
#include <random>

using namespace bobbin;
using namespace bobbin::testing;

namespace {
template <class Fs>
File<Fs> new_file(Fs fs) {
    auto dir = *FsDirectory<Fs>::open("/sim/d", RootMode::create_if_missing, fs);
    return *dir.create(ObjectId{1});
}
template <class F>
std::string read(F& file) {
    std::string text(1'000'000, '?');
    const auto got = lowest_layer(file).read_at(std::as_writable_bytes(std::span{text}), 0);
    return got ? text.substr(0, *got) : "error";
}
}  // namespace

BOOST_AUTO_TEST_SUITE(file_stream_buffer)

BOOST_AUTO_TEST_CASE(writes_and_seeks_as_a_string_does) {
    std::mt19937 random{7};
    for (int run = 0; run < 30; ++run) {
        Writeback file{new_file(SimFs{}), {.cap = 256_KiB}};
        StreamBuffer buffer{file};
        std::ostream out{&buffer};
        std::string model;
        std::size_t at = 0;
        for (int step = 0; step < 60; ++step) {
            if (random() % 3 == 0) {
                at = random() % (model.size() + 1);
                out.seekp(static_cast<std::streamoff>(at));
            }
            const std::string part(random() % 30'000, static_cast<char>('a' + step % 26));
            out << part;
            if (at + part.size() > model.size()) model.resize(at + part.size());
            model.replace(at, part.size(), part);
            at += part.size();
            BOOST_TEST(static_cast<std::size_t>(out.tellp()) == at);
        }
        out.seekp(0, std::ios::end);
        BOOST_TEST(static_cast<std::size_t>(out.tellp()) == model.size());
        BOOST_TEST((out.flush() && !buffer.error()));
        BOOST_TEST((read(file) == model.substr(0, 1'000'000)));
        BOOST_TEST(static_cast<bool>(file.sync()));
    }
}

BOOST_AUTO_TEST_CASE(a_redundant_seek_costs_no_call) {
    TracingFs<SimFs> fs;
    Writeback file{new_file(fs)};
    StreamBuffer buffer{file};
    std::ostream out{&buffer};
    const auto before = fs.trace().calls().size();
    for (int i = 0; i < 1000; ++i) {
        out.seekp(i);
        out << 'x';
    }
    BOOST_TEST(fs.trace().calls().size() == before);
    out.flush();
    BOOST_TEST(fs.trace().calls().size() == before + 1);
}

BOOST_AUTO_TEST_CASE(errors_are_kept_and_nothing_is_lost) {
    FaultyFs<SimFs> fs;
    Writeback file{new_file(fs)};
    StreamBuffer buffer{file};
    std::ostream out{&buffer};
    fs.plan().add({Call::write, 1, false, ENOSPC});
    out << "bytes" << std::flush;
    BOOST_TEST(out.bad());
    BOOST_TEST(buffer.error()->is_errno(ENOSPC));
    out.clear();
    out << " again" << std::flush;
    BOOST_TEST(out.good());
    BOOST_TEST(read(file) == "bytes again");
    out.seekp(-1);
    BOOST_TEST(out.fail());
}

BOOST_AUTO_TEST_CASE(begins_at_the_end) {
    SimFs fs;
    Writeback file{new_file(fs)};
    BOOST_TEST(file.append(as_bytes("before")).has_value());
    {
        StreamBuffer buffer{file};
        std::ostream out{&buffer};
        out << " after";
    }
    BOOST_TEST(read(file) == "before after");
}

BOOST_AUTO_TEST_SUITE_END()
