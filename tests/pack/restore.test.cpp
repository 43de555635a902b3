#include <bobbin/pack/restore.hpp>

#include <bobbin/fs/posix_tree.hpp>

#include <boost/test/unit_test.hpp>

#include "temporary.hpp"
#include "tree_store.hpp"

using namespace bobbin;
using namespace bobbin::pack;
using bobbin_tests::ChunkStore;
using bobbin_tests::must;
using bobbin_tests::TemporaryDirectory;

BOOST_AUTO_TEST_SUITE(pack_restore)
BOOST_AUTO_TEST_CASE(first) {
    TemporaryDirectory place;
    ChunkStore store;
    PosixTreeFs fs;
    bobbin_tests::PlainSaver<PosixTreeFs> saver{fs, store};
    const auto root = saver.save("/work/pack-restore/docs");
    RestoreReport report;
    RestoreOptions options;
    options.tell = [](std::string_view path, RestoreAction action) { std::printf("%d %.*s\n", (int)action, (int)path.size(), path.data()); };
    must(restore(fs, [&]() -> Result<ChunkStore::Reader> { return ChunkStore::Reader{store}; }, root, place / "x", options, report));
    system(("rsync -aHAXn --checksum --itemize-changes --delete /work/pack-restore/docs/ " + (place / "x") + "/").c_str());
    system(("find " + place.path() + "| head -3").c_str());
}
BOOST_AUTO_TEST_SUITE_END()
