#include <bobbin/testing/tracing_fs.hpp>

#include <bobbin/testing/faulty_fs.hpp>
#include <bobbin/testing/sim_fs.hpp>

#include <boost/test/unit_test.hpp>

using namespace bobbin;
using namespace bobbin::testing;

static_assert(FileSystem<TracingFs<SimFs>> && FileSystem<TracingFs<FaultyFs<SimFs>>>);

BOOST_AUTO_TEST_SUITE(testing_tracing_fs)

BOOST_AUTO_TEST_CASE(calls_are_recorded_with_names_and_answers) {
    TracingFs<SimFs> fs;
    {
        auto dir = FsDirectory<TracingFs<SimFs>>::open("/sim/d", RootMode::create_if_missing, fs);
        auto file = dir->create(ObjectId{1});
        BOOST_TEST((file->append(as_bytes("abc")) && file->sync() && dir->sync()));
        BOOST_TEST(!dir->remove(ObjectId{2}));
    }
    std::string text;
    for (const auto& call : fs.trace().calls()) text += to_string(call) + '\n';
    BOOST_TEST(text == "open_root /sim/d\n"
                       "create /sim/d/0000000000000001\n"
                       "write /sim/d/0000000000000001 at 0 size 3 done 3\n"
                       "sync /sim/d/0000000000000001\n"
                       "sync_directory /sim/d\n"
                       "remove /sim/d/0000000000000002 errno 2\n"
                       "close /sim/d/0000000000000001\n"
                       "close /sim/d\n");
}

BOOST_AUTO_TEST_CASE(a_listener_hears_at_once_and_nothing_need_be_kept) {
    TracingFs<SimFs> fs;
    std::vector<Call> heard;
    fs.trace().on_call([&](const TracedCall& call) { heard.push_back(call.call); });
    fs.trace().keep(false);
    auto copy = fs;
    const auto dir = *copy.open_root("/sim/d", RootMode::create_if_missing);
    (void)copy.space(dir);
    BOOST_TEST((heard == std::vector{Call::open_root, Call::space}));
    BOOST_TEST(fs.trace().calls().empty());
}

BOOST_AUTO_TEST_CASE(a_sync_that_failed_above_is_heard) {
    FaultyFs<TracingFs<SimFs>> fs;
    const auto dir = *fs.open_root("/sim/d", RootMode::create_if_missing);
    const auto file = *fs.open_at(dir, "a", OpenMode::create);
    fs.plan().add({Call::sync});
    BOOST_TEST(!fs.sync(file));
    BOOST_TEST(to_string(fs.next_layer().trace().calls().back()) == "sync /sim/d/a errno 5");
}

BOOST_AUTO_TEST_SUITE_END()
