#ifndef BOBBIN_PACK_DETAIL_METADATA_HPP
#define BOBBIN_PACK_DETAIL_METADATA_HPP

#include <bobbin/fs/file.hpp>
#include <bobbin/fs/tree.hpp>
#include <bobbin/pack/tree.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace bobbin::pack::detail {

/// What the system did not let this user set. From any thread.
struct RefusedMetadata {
    std::atomic<std::uint64_t> owners = 0;
    std::atomic<std::uint64_t> modes = 0;
    std::atomic<std::uint64_t> times = 0;
    std::atomic<std::uint64_t> attributes = 0;
};

/// Not allowed, or not for this file system: no reason to give up a restore.
inline bool is_refusal(const Error& error) noexcept {
    if (error.is(Errc::not_supported)) return true;
    for (const int number : {EPERM, EACCES, EINVAL, EOPNOTSUPP, ENOSYS, E2BIG, ERANGE})
        if (error.is_errno(number)) return true;
    return false;
}

/// Attributes of what may have none.
inline Result<std::vector<Attribute>> or_none(Result<std::vector<Attribute>> attributes) noexcept {
    if (!attributes && is_refusal(attributes.error())) return std::vector<Attribute>{};
    return attributes;
}

/// Whether what is there has the mode, owner, time and attributes of the entry.
inline bool has_metadata(const NodeStatus& node, const std::vector<Attribute>& attributes,
                         const TreeEntry& entry) noexcept {
    return (node.kind == NodeKind::symlink || node.mode == entry.mode) && node.user == entry.user &&
           node.group == entry.group && node.modified == entry.modified &&
           attributes == entry.attributes;
}

/// An open file or directory, or a symlink by its name, as far as metadata go.
template <TreeFileSystem Fs>
class MetadataTarget {
public:
    MetadataTarget(Fs& fs, FileHandle handle) noexcept : fs_{&fs}, handle_{handle} {}
    MetadataTarget(Fs& fs, FileHandle dir, const char* name) noexcept
        : fs_{&fs}
        , handle_{dir}
        , name_{name} {}

    /// Mode, owner, attributes and time in an order in which none undoes another. What is refused is
    /// counted; a file whose owner is not right gets no set-user-id or set-group-id.
    /// @param now what is there, of mode and owner; `attributes` those that are there
    /// @errors of the file system
    Result<void> set(const TreeEntry& entry, const NodeStatus& now,
                     const std::vector<Attribute>& attributes, RefusedMetadata& refused) {
        auto mode = entry.mode;
        bool is_changed = false;
        bool has_capabilities = true;
        if (now.user != entry.user || now.group != entry.group) {
            auto owned = call([&] {
                return name_ ? fs_->set_owner_at(handle_, name_, entry.user, entry.group)
                             : fs_->set_owner(handle_, entry.user, entry.group);
            });
            if (!owned && !is_refusal(owned.error())) return owned;
            is_changed = owned.has_value();
            has_capabilities = !owned;  // which go with the owner
            if (!owned) ++refused.owners;
            if (!owned && entry.kind == EntryKind::file) mode &= ~06000U;
        }
        for (const auto& attribute : attributes) {
            if (std::ranges::find(entry.attributes, attribute.name, &Attribute::name) !=
                entry.attributes.end())
                continue;
            const auto* const which = attribute.name.c_str();
            auto removed = call([&] {
                return name_ ? fs_->remove_attribute_at(handle_, name_, which)
                             : fs_->remove_attribute(handle_, which);
            });
            if (!removed && !is_refusal(removed.error())) return removed;
            refused.attributes += removed ? 0 : 1;
            is_changed = true;  // a mode is a part of an access control list
        }
        for (const auto& attribute : entry.attributes) {
            const bool is_there = std::ranges::find(attributes, attribute) != attributes.end();
            if (is_there && (has_capabilities || attribute.name != "security.capability")) continue;
            auto set = call([&] {
                return name_ ? fs_->set_attribute_at(handle_, name_, attribute)
                             : fs_->set_attribute(handle_, attribute);
            });
            // Where it is too large; a disk that is full is told by all else.
            if (!set && !is_refusal(set.error()) && !set.error().is_errno(ENOSPC)) return set;
            refused.attributes += set ? 0 : 1;
            is_changed = true;
        }
        // A change of owner takes bits from the mode.
        if (!name_ && (now.mode != mode || is_changed)) {
            auto set = call([&] { return fs_->set_mode(handle_, mode); });
            if (!set && !is_refusal(set.error())) return set;
            refused.modes += set ? 0 : 1;
        }
        auto timed = call([&] {
            return name_ ? fs_->set_modified_at(handle_, name_, entry.modified)
                         : fs_->set_modified(handle_, entry.modified);
        });
        if (!timed && !is_refusal(timed.error())) return timed;
        refused.times += timed ? 0 : 1;
        return {};
    }

private:
    template <class Call>
    static Result<void> call(Call&& call) noexcept {
        return bobbin::detail::uninterrupted(call);
    }

    Fs* fs_;
    FileHandle handle_;
    const char* name_ = nullptr;
};

}  // namespace bobbin::pack::detail

#endif
