#include "commands/tree.hpp"

#include <fmt/core.h>

namespace packs {

using namespace bobbin;

namespace {

constexpr const char* advice_to_repair =
    "; `bobbin-pack repair` first: not all that is damaged may be lost";

}  // namespace

std::string path_inside(const Snapshot& snapshot, const std::string& path) {
    if (path.starts_with('/'))
        throw Failure{exit_usage, printable(path) + ": give a path below " +
                                      printable(snapshot.path) + ", without it"};
    std::string inside;
    for (std::size_t at = 0; at <= path.size();) {
        const auto name = path.substr(at, path.find('/', at) - at);
        at += name.size() + 1;
        if (name.empty() || name == ".") continue;
        if (name == "..") throw Failure{exit_usage, printable(path) + " is no path of a snapshot"};
        inside += (inside.empty() ? "" : "/") + name;
    }
    return inside;
}

pack::TreeEntry entry_at(Repository& repository, Source& source, const Snapshot& snapshot,
                         const std::string& path) {
    const auto inside = path_inside(snapshot, path);
    if (inside.empty()) return snapshot.root;
    auto found = pack::find_entry(source, snapshot.root.content, inside);
    if (!found && found.error().is(Errc::name_invalid))
        throw Failure{exit_usage, printable(path) + " is no path of a snapshot"};
    if (!found) throw repository.failure(found.error(), "looking for " + printable(path));
    if (!*found)
        throw Failure{exit_failed,
                      "snapshot " + short_id(snapshot.id) + " has no " + printable(path)};
    const bool names_directory = path.ends_with('/') || path.ends_with("/.");
    if (names_directory && (*found)->kind != pack::EntryKind::directory)
        throw Failure{exit_failed, printable(inside) + " of snapshot " + short_id(snapshot.id) +
                                       " is no directory: give it without the '/' at its end"};
    return std::move(**found);
}

void refuse_damaged_packs(Repository& repository) {
    for (const auto& problem : repository.view().problems()) {
        if (problem.is_refused()) continue;
        const auto why = repository.failure(problem.error.about(problem.pack));
        throw Failure{exit_damaged, why.what() + std::string{advice_to_repair}};
    }
}

std::string advice_on_lost(const Error& error, bool skips_lost) {
    if (error.is(Errc::chunk_missing))
        return skips_lost ? "; all that was asked for is lost"
                          : "; what is lost stops it, and --skip-lost takes all the rest";
    if (error.kind() == ErrorKind::corrupt && skips_lost) return advice_to_repair;
    return {};
}

void print_lost(std::uint64_t count) {
    print_error(fmt::format("left out {} that the store has lost; `bobbin-pack repair --from` a "
                            "directory that has them brings them back",
                            count));
}

std::string mode_text(const pack::TreeEntry& entry) {
    std::string text(10, '-');
    text[0] = entry.kind == pack::EntryKind::directory ? 'd'
              : entry.kind == pack::EntryKind::symlink ? 'l'
                                                       : '-';
    for (std::size_t bit = 0; bit < 9; ++bit)
        if ((entry.mode >> (8 - bit) & 1U) != 0) text[1 + bit] = "rwx"[bit % 3];
    const auto special = [&](std::uint32_t mask, std::size_t at, char set, char unset) {
        if ((entry.mode & mask) != 0) text[at] = text[at] == 'x' ? set : unset;
    };
    special(04000, 3, 's', 'S');
    special(02000, 6, 's', 'S');
    special(01000, 9, 't', 'T');
    return text;
}

std::string_view kind_text(pack::EntryKind kind) {
    switch (kind) {
        case pack::EntryKind::file: return "file";
        case pack::EntryKind::directory: return "directory";
        case pack::EntryKind::symlink: return "symlink";
    }
    return "unknown";
}

}  // namespace packs
