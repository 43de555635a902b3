#include "commands/tree.hpp"

namespace packs {

using namespace bobbin;

pack::TreeEntry entry_at(Repository& repository, Source& source, const Snapshot& snapshot,
                         const std::string& path) {
    std::string_view inside{path};
    while (inside.starts_with("./")) inside.remove_prefix(2);
    while (inside.ends_with('/')) inside.remove_suffix(1);
    if (inside.empty() || inside == ".") return snapshot.root;
    if (inside.starts_with('/'))
        throw Failure{exit_usage, printable(path) + ": give a path below " +
                                      printable(snapshot.path) + ", without it"};
    auto found = pack::find_entry(source, snapshot.root.content, inside);
    if (!found && found.error().is(Errc::name_invalid))
        throw Failure{exit_usage, printable(path) + " is no path of a snapshot"};
    if (!found) throw repository.failure(found.error(), "looking for " + printable(path));
    if (!*found)
        throw Failure{exit_failed,
                      "snapshot " + short_id(snapshot.id) + " has no " + printable(path)};
    return std::move(**found);
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
