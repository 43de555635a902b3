#ifndef PACKS_STORE_REPOSITORY_HPP
#define PACKS_STORE_REPOSITORY_HPP

#include "store/synced_on_request.hpp"

#include <bobbin/codec/lz4.hpp>
#include <bobbin/codec/none.hpp>
#include <bobbin/codec/zstd.hpp>
#include <bobbin/digest/sha256.hpp>
#include <bobbin/pack/pack_store.hpp>
#include <bobbin/pack/snapshot.hpp>
#include <bobbin/repair.hpp>
#include <bobbin/store/sqlite.hpp>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace packs {

using Packs =
    bobbin::pack::PackStore<SyncedOnRequest<bobbin::NoOp<bobbin::PosixFile>>, bobbin::Sha256,
                            bobbin::Codecs<bobbin::Lz4, bobbin::NoCodec, bobbin::Zstd>,
                            bobbin::SqliteStore, bobbin::pack::SnapshotRows>;
using View = Packs::View;
using Source = Packs::Source;
using bobbin::pack::Snapshot;
using bobbin::pack::Snapshots;

/// What ends the program, with the exit code that goes with it.
struct Failure : std::runtime_error {
    Failure(int with, const std::string& what) : std::runtime_error{what}, code{with} {}
    int code;
};

enum Exit : int { exit_ok, exit_failed, exit_usage, exit_incomplete, exit_damaged, exit_locked };

/// A store on disk: the catalog, the packs, and caches that may go at any time. The readers of a
/// store share a lock that only the deletion of packs excludes; writers take turns. All throw Failure.
class Repository {
public:
    /// Makes an empty store.
    static void create(const std::string& path, std::chrono::milliseconds wait);

    /// Brings catalog and packs together again of which one was restored from an older copy, or the
    /// identity is lost. No pack is removed.
    static bobbin::RepairPlan adopt(const std::string& path, bool is_dry,
                                    std::chrono::milliseconds wait);

    enum class For : std::uint8_t { reading, writing };
    /// @param wait for others, before that is a failure
    Repository(const std::string& path, For what, std::chrono::milliseconds wait);
    ~Repository();
    Repository(const Repository&) = delete;
    Repository& operator=(const Repository&) = delete;

    /// The first call lists the packs of one that is open for reading.
    const View& view();
    Source source() { return Source{view()}; }
    Packs& packs() noexcept;  ///< only of one that is open for writing
    bobbin::SqliteStore& store() noexcept;

    Snapshots snapshots();
    /// By `latest`, the last that was not taken by a restore, or the beginning of its id, at least 4
    /// digits.
    Snapshot snapshot(std::string_view reference);
    /// By the beginning of it; also of one that is damaged.
    bobbin::Uuid find_id(std::string_view reference);
    void forget(const std::vector<bobbin::Uuid>& ids);

    /// A tree that a snapshot was taken from or restored to may be overwritten by a restore.
    void remember_tree(const std::string& path);
    bool knows_tree(const std::string& path);

    /// Keeps readers away until it is destroyed.
    class Exclusion {
    public:
        explicit Exclusion(int fd) noexcept : fd_{fd} {}
        Exclusion(Exclusion&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
        Exclusion& operator=(Exclusion&&) = delete;
        ~Exclusion();

    private:
        int fd_;
    };
    bobbin::Result<Exclusion> exclude_readers();

    const std::string& path() const noexcept { return path_; }
    std::string cache_path() const { return path_ + "/cache"; }
    std::string packs_path() const { return path_ + "/packs"; }

    /// An error of this store, in words.
    /// @param where empty: the store's directory
    Failure failure(const bobbin::Error& error, const std::string& doing = {},
                    const std::string& where = {});

private:
    void note_unsynced();
    void settle_unsynced();
    void forget_pages(int directory, bobbin::ObjectId after);

    struct Parts;
    std::string path_;
    std::chrono::milliseconds wait_;
    std::unique_ptr<Parts> parts_;
};

/// Two lower-case digits a byte.
std::string hex(bobbin::ByteView bytes);
/// `1a2b3c4d`
std::string short_id(const bobbin::Uuid& id);
std::string long_id(const bobbin::Uuid& id);
/// Of a snapshot whose row is damaged.
std::string words_of_damaged(const bobbin::Uuid& id);

/// Without links and dots, as far as it is there. Throws Failure.
std::filesystem::path canonical(const std::string& path);

}  // namespace packs

#endif
