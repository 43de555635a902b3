#ifndef PACKS_STORE_KNOWN_TREES_HPP
#define PACKS_STORE_KNOWN_TREES_HPP

#include <bobbin/core/result.hpp>
#include <bobbin/store/sqlite.hpp>

#include <string>

namespace packs {

/// Directories that snapshots were taken from or restored to: a restore may overwrite them. By device,
/// inode and birth, as another disk may have the same numbers, and an inode is used again.
struct KnownTrees {
    static constexpr auto schema = bobbin::schema_steps(
        "trees", {"create table tree (device integer not null, inode integer not null,"
                  " primary key (device, inode)) strict, without rowid",
                  "alter table tree add column born integer not null default 0"});

    /// Nothing where there is no directory.
    static bobbin::Result<void> note(bobbin::SqliteTransaction& tx, const std::string& path);
    static bobbin::Result<bool> contain(bobbin::SqliteStore& store, const std::string& path);
};

}  // namespace packs

#endif
