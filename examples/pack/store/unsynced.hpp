#ifndef PACKS_STORE_UNSYNCED_HPP
#define PACKS_STORE_UNSYNCED_HPP

#include <bobbin/core/ids.hpp>
#include <bobbin/core/result.hpp>
#include <bobbin/store/sqlite.hpp>

#include <optional>
#include <string>

namespace packs {

/// Packs that `--no-sync` has left to the kernel. Nothing that is synced may rest on them before they
/// are on the disk, which only a kernel knows that still runs.
struct Unsynced {
    static constexpr auto schema = bobbin::schema_steps(
        "unsynced", {"create table unsynced (id integer primary key check (id = 1),"
                     " after integer not null, boot text not null) strict"});

    bobbin::ObjectId after;  ///< all packs with higher numbers
    std::string boot;        ///< when the machine was started; empty: nobody knows any more

    /// Empty: all packs are on the disk.
    static bobbin::Result<std::optional<Unsynced>> read(bobbin::SqliteStore& store);
    /// Keeps an older note.
    static bobbin::Result<void> note(bobbin::SqliteTransaction& tx, bobbin::ObjectId after);
    /// From now on they have to be read before they are believed.
    static bobbin::Result<void> doubt(bobbin::SqliteTransaction& tx);
    static bobbin::Result<void> clear(bobbin::SqliteTransaction& tx);

    /// Whether the kernel that has them still runs.
    bool is_of_now() const;
};

}  // namespace packs

#endif
