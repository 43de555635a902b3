#include "store/unsynced.hpp"

#include <cstdint>
#include <fstream>

namespace packs {

using namespace bobbin;

namespace {

/// Empty where the kernel does not tell.
std::string boot_id() {
    std::ifstream file{"/proc/sys/kernel/random/boot_id"};
    std::string id;
    std::getline(file, id);
    return id;
}

}  // namespace

Result<std::optional<Unsynced>> Unsynced::read(SqliteStore& store) {
    auto reader = store.reader();
    if (!reader) return reader.error();
    auto statement = reader->statement("select after, boot from unsynced");
    if (!statement) return statement.error();
    auto is_there = statement->step();
    if (!is_there) return is_there.error();
    if (!*is_there) return std::optional<Unsynced>{};
    auto row = statement->row<std::int64_t, std::string>();
    if (!row) return row.error();
    auto& [after, boot] = *row;
    return std::optional{Unsynced{ObjectId{static_cast<std::uint64_t>(after)}, std::move(boot)}};
}

Result<void> Unsynced::note(SqliteTransaction& tx, ObjectId after) {
    return tx.run(
        "insert into unsynced (id, after, boot) values (1, ?1, ?2) on conflict do nothing",
        static_cast<std::int64_t>(after.value), boot_id());
}

Result<void> Unsynced::doubt(SqliteTransaction& tx) {
    return tx.run("update unsynced set boot = ''");
}
Result<void> Unsynced::clear(SqliteTransaction& tx) { return tx.run("delete from unsynced"); }

bool Unsynced::is_of_now() const { return !boot.empty() && boot == boot_id(); }

}  // namespace packs
