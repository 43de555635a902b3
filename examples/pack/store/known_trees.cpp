#include "store/known_trees.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstdint>
#include <optional>

namespace packs {

using namespace bobbin;

namespace {

struct Tree {
    std::int64_t device;
    std::int64_t inode;
    std::int64_t born;  ///< nanoseconds since 1970 UTC; 0: the file system does not say
};

std::optional<Tree> tree_at(const std::string& path) {
    struct statx status {};
    if (::statx(AT_FDCWD, path.c_str(), 0, STATX_BASIC_STATS | STATX_BTIME, &status) != 0)
        return {};
    const auto& born = status.stx_btime;
    return Tree{static_cast<std::int64_t>(makedev(status.stx_dev_major, status.stx_dev_minor)),
                static_cast<std::int64_t>(status.stx_ino),
                (status.stx_mask & STATX_BTIME) == 0 ? 0
                                                     : born.tv_sec * 1'000'000'000 + born.tv_nsec};
}

}  // namespace

Result<void> KnownTrees::note(SqliteTransaction& tx, const std::string& path) {
    const auto tree = tree_at(path);
    if (!tree) return {};
    return tx.run("insert or replace into tree (device, inode, born) values (?1, ?2, ?3)",
                  tree->device, tree->inode, tree->born);
}

Result<bool> KnownTrees::contain(SqliteStore& store, const std::string& path) {
    const auto tree = tree_at(path);
    if (!tree) return false;
    auto reader = store.reader();
    if (!reader) return reader.error();
    auto statement =
        reader->statement("select 1 from tree where device = ?1 and inode = ?2 and born = ?3");
    if (!statement) return statement.error();
    if (auto bound = statement->bind(tree->device, tree->inode, tree->born); !bound)
        return bound.error();
    return statement->step();
}

}  // namespace packs
