// Stores a text by its content, and reads it back.
#include <bobbin/codec/lz4.hpp>
#include <bobbin/digest/sha256.hpp>
#include <bobbin/pack/pack_store.hpp>
#include <bobbin/store/sqlite.hpp>

#include <filesystem>
#include <iostream>
#include <string>
#include <string_view>

namespace blobs {

using namespace bobbin;

int report(const Error& error, const std::string& place) {
    std::cerr << "blobs: " << SqliteStore::describe(error, place) << '\n';
    return 1;
}

// [blobs]
using Blobs = pack::PackStore<NoOp<PosixFile>, Sha256, Lz4, SqliteStore>;

int keep(const std::string& place, std::string_view text) {
    auto store = SqliteStore::open(place + "/catalog.db");
    if (!store) return report(store.error(), place);
    Blobs::Committer committer{*store};
    auto blobs = Blobs::open(place + "/packs", committer, {.create = true});
    if (!blobs) return report(blobs.error(), place);

    auto added = blobs->add(as_bytes(text));  // once: what is there is not stored again
    if (!added) return report(added.error(), place);
    const auto& [key, is_new] = *added;
    if (auto safe = blobs->commit(); !safe) return report(safe.error(), place);  // durable from here on

    auto bytes = blobs->source().read(key);  // found and verified, missing, damaged, or a disk that refuses
    if (!bytes) return report(bytes.error(), place);
    std::cout << (is_new ? "new: " : "known: ") << as_text(*bytes) << '\n';
    return 0;
}
// [blobs]

}  // namespace blobs

int main(int argc, char** argv) try {
    if (argc != 3 || argv[1][0] == '-') {
        std::cerr << "usage: blobs DIRECTORY TEXT\nStores TEXT by its content in DIRECTORY, made if missing, and "
                     "reads it back.\nExit code: 0 done, 1 failed, 2 wrong usage.\n";
        return 2;
    }
    std::filesystem::create_directories(argv[1]);
    return blobs::keep(argv[1], argv[2]);
} catch (const std::exception& error) {
    std::cerr << "blobs: " << error.what() << '\n';
    return 1;
}
