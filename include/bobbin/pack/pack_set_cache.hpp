#ifndef BOBBIN_PACK_PACK_SET_CACHE_HPP
#define BOBBIN_PACK_PACK_SET_CACHE_HPP

#include <bobbin/fs/file.hpp>
#include <bobbin/pack/cached_pack.hpp>
#include <bobbin/pack/detail/pack_cache_file.hpp>
#include <bobbin/pack/pack_set.hpp>

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

namespace bobbin::pack {

/// A file with the keys of many packs, so that a store opens by reading it and not the index of
/// each pack. A pack is added to its end; when half of it speaks of packs that are gone it is
/// written anew, beside, and renamed. It is nothing but a copy: each record has its checksums, what
/// is behind a wrong one does not count, and nothing is ever synced, so that a crash may cost the
/// cache and no more. Readers may load while another process adds; whoever adds has had the lock
/// of the store since it loaded. External sync.
template <FileSystem Fs, ContentDigest D>
class PackSetCache {
public:
    static constexpr const char* name = "bobbin-pack-cache";
    static constexpr const char* draft_name = "bobbin-pack-cache.new";

    /// @param directory holds the file; stays the caller's, and open
    PackSetCache(Fs fs, FileHandle directory, const Uuid& store) noexcept
        : fs_{std::move(fs)}
        , directory_{directory}
        , store_{store} {}

    struct Loaded {
        PackSet<D> set;
        std::vector<CachedPack>
            missing;  ///< the living ones that it lacks, to be added by their indexes
    };

    /// Reads what it knows of the packs of `living`. Whatever is wrong with the file, they are missing.
    /// @errors `out_of_memory`, `object_too_long`: the set has no room for them
    Result<Loaded> load(std::span<const CachedPack> living) noexcept {
        return bobbin::detail::without_throwing(Operation::read, [&]() -> Result<Loaded> {
            forget();
            std::vector<Wanted> wanted;
            for (const auto& pack : living) wanted.push_back({pack});
            std::ranges::sort(wanted, {}, &Wanted::pack);
            Loaded loaded;
            if (auto read = read_file(wanted, loaded.set); !read) return read.error();
            for (const auto& [pack, is_there] : wanted)
                if (!is_there) loaded.missing.push_back(pack);
            return loaded;
        });
    }

    /// Adds a pack that was missing, or was written since. What fails here costs the next load some
    /// time, and may be ignored.
    /// @errors of the file system; `object_too_long`: more than 2^22 chunks; `pack_empty`; `out_of_memory`
    Result<void> add(const CachedPack& pack, const ChunkIndex& index) noexcept {
        if (index.size() == 0) return Error{Errc::pack_empty, Operation::append, pack.id};
        if (index.size() > detail::PackCacheRecord::most_chunks)
            return Error{Errc::object_too_long, Operation::append, pack.id};
        return bobbin::detail::without_throwing(Operation::append, [&]() -> Result<void> {
            const auto record = detail::PackCacheRecord::encode<D>(pack, index);
            live_.reserve(live_.size() + 1);
            const bool is_worth_it = end_ != 0 && 2 * live_bytes() + record.size() >= end_;
            auto wrote = is_worth_it ? append(record) : replace(record);
            if (!wrote) return wrote.about(pack.id);
            note_live(end_, record.size());
            end_ += record.size();
            return {};
        });
    }

private:
    struct Wanted {
        CachedPack pack;
        bool is_there = false;
    };
    /// A part of the file.
    struct Range {
        std::uint64_t offset = 0;
        std::uint64_t size = 0;
    };

    Result<void> read_file(std::vector<Wanted>& wanted, PackSet<D>& set) {
        auto file = open(name, OpenMode::read);
        if (!file) return {};
        const auto status = file->status();
        if (!status || !status->is_regular) return {};
        // A pack that is there twice counts once.
        const auto find = [&](const CachedPack& pack) {
            const auto at = std::ranges::lower_bound(wanted, pack, {}, &Wanted::pack);
            return at != wanted.end() && at->pack == pack && !at->is_there ? &*at : nullptr;
        };
        Result<void> added;
        const auto take = [&](const CachedPack& pack, ByteView keys, std::uint64_t offset,
                              std::uint64_t size) {
            if (added) added = set.add(pack.id, keys);
            if (!added) return;
            note_live(offset, size);
            find(pack)->is_there = true;
        };
        end_ = detail::read_pack_cache<D>(
            *file, status->size.value, store_,
            [&](const CachedPack& pack) { return find(pack) != nullptr; }, take);
        return added;
    }

    Result<void> append(ByteView record) noexcept {
        auto file = open(name, OpenMode::write);
        if (!file) {
            forget();
            return file.error();
        }
        // What lies behind was found to be wrong, or was not written whole.
        if (auto cut = file->truncate(Bytes{end_}); !cut) return cut;
        if (auto wrote = file->write_at(record, end_); !wrote) {
            (void)file->truncate(Bytes{end_});
            return wrote;
        }
        return file->close();
    }

    /// Writes the living records and `record` to a new file.
    Result<void> replace(ByteView record) {
        auto draft = open(draft_name, OpenMode::create_or_write);
        if (!draft) return draft.error();
        std::uint64_t end = 0;
        auto wrote = [&]() -> Result<void> {
            if (auto cut = draft->truncate(Bytes{0}); !cut) return cut;
            const auto header = detail::PackCacheHeader<D>::encode(store_);
            if (auto went = draft->write_at(header, 0); !went) return went;
            end = header.size();
            if (auto copied = copy_living(*draft, end); !copied) return copied;
            if (auto went = draft->write_at(record, end); !went) return went;
            if (auto closed = draft->close(); !closed) return closed;
            return bobbin::detail::uninterrupted(
                [&] { return fs_.rename(directory_, draft_name, name); });
        }();
        if (!wrote) {
            (void)fs_.remove(directory_, draft_name);
            return wrote;
        }
        live_.clear();
        end_ = detail::PackCacheHeader<D>::encoded_size;
        note_live(end_, end - end_);
        end_ = end;
        return {};
    }

    Result<void> copy_living(File<Fs>& draft, std::uint64_t& end) {
        if (live_.empty()) return {};
        auto file = open(name, OpenMode::read);
        if (!file) {
            forget();
            return file.error();
        }
        std::vector<std::byte> buffer(std::size_t{1} << 20);
        for (auto [offset, left] : live_) {
            while (left != 0) {
                const auto part = std::span{buffer}.first(
                    static_cast<std::size_t>(std::min<std::uint64_t>(left, buffer.size())));
                const auto got = file->read_at(part, offset);
                if (!got || *got != part.size()) {
                    forget();
                    return got ? Error{Errc::object_short, Operation::read} : got.error();
                }
                if (auto wrote = draft.write_at(part, end); !wrote) return wrote;
                offset += part.size();
                end += part.size();
                left -= part.size();
            }
        }
        return {};
    }

    void forget() noexcept {
        end_ = 0;
        live_.clear();
    }
    void note_live(std::uint64_t offset, std::uint64_t size) {
        if (!live_.empty() && live_.back().offset + live_.back().size == offset)
            live_.back().size += size;
        else if (size != 0)
            live_.push_back({offset, size});
    }
    std::uint64_t live_bytes() const noexcept {
        std::uint64_t sum = 0;
        for (const auto& range : live_) sum += range.size;
        return sum;
    }

    Result<File<Fs>> open(const char* of, OpenMode mode) noexcept {
        auto handle =
            bobbin::detail::uninterrupted([&] { return fs_.open_at(directory_, of, mode); });
        if (!handle) return handle.error();
        return File<Fs>{fs_, *handle};
    }

    Fs fs_;
    FileHandle directory_;
    Uuid store_;
    std::uint64_t end_ = 0;    ///< of the records that are right; 0: the file is to be written anew
    std::vector<Range> live_;  ///< records of packs that live, in order; adjacent ones are one
};

}  // namespace bobbin::pack

#endif
