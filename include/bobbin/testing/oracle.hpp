#ifndef BOBBIN_TESTING_ORACLE_HPP
#define BOBBIN_TESTING_ORACLE_HPP

#include <bobbin/core/ids.hpp>
#include <bobbin/testing/tracing_fs.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bobbin::testing {

/// Watches the order of what is done to each data file and collects what breaks a rule:
/// last counted write < sync ok < directory sync ok (once for each name) < commit, with the length
/// equal (object) or not over what was synced (mark); garbage row < unlink < directory sync < forget.
///
/// A `TracingFs` tells it of calls, the store under test of its rows. A file is named by its path.
/// Internally synchronised.
class OrderingOracle {
public:
    /// Listens to `trace`; must outlive it or the next listener.
    void watch(Trace& trace) {
        trace.on_call([this](const TracedCall& call) { see(call); });
    }

    void see(const TracedCall& call) {
        const std::lock_guard lock{mutex_};
        if (call.call == Call::sync_directory && call.error == 0)
            return synced_directory(call.path);
        if (!is_data_file(call.path)) return;
        auto& file = files_[call.path];
        if (call.call == Call::sync) {
            if (file.broken) complain("is synced again after a sync that failed", call.path);
            file.broken = file.broken || call.error != 0;
        }
        if (call.call == Call::remove && call.error == ENOENT) file.gone();
        if (call.call == Call::write) file.grow(call.offset + call.done, call.done != 0);
        if (call.error != 0) return;
        switch (call.call) {
            case Call::create: file = File{}; break;
            case Call::truncate:
                // Cut back to what is durable, it is as good as before the sync that failed.
                file.broken = file.broken && call.size > file.synced;
                file.changed = file.changed || call.size != file.length;
                file.length = call.size;
                file.handed = call.size;
                break;
            case Call::sync: file.synced_all(); break;
            case Call::remove: removed(call.path, file); break;
            case Call::rename: complain("was renamed, which objects never are", call.path); break;
            default: break;
        }
    }

    /// A file that recovery found: what is there counts as synced only by the calls that follow.
    void found(const std::string& path, std::uint64_t length) {
        const std::lock_guard lock{mutex_};
        auto& file = files_[path];
        file = File{};
        file.length = file.handed = length;
        file.changed = true;
    }
    /// A file whose row was committed before this program started.
    void committed_before(const std::string& path, std::uint64_t length) {
        const std::lock_guard lock{mutex_};
        files_[path] = {length, length, length, false, true, false, false, false};
    }

    /// The row of a whole object is about to be committed.
    void committing(const std::string& path, std::uint64_t length) {
        const std::lock_guard lock{mutex_};
        const auto& file = files_[path];
        durable_name(path, file);
        if (file.broken) {  // what lies past the last good sync is not counted
            if (length > file.synced)
                complain("is committed past what was synced before a sync failed", path);
            return;
        }
        if (file.changed) complain("is committed though it changed after its last sync", path);
        if (file.synced != length)
            complain("is committed with " + std::to_string(length) + " bytes, but " +
                         std::to_string(file.synced) + " are synced",
                     path);
        if (file.length != length)
            complain("is committed with " + std::to_string(length) + " bytes, but has " +
                         std::to_string(file.length),
                     path);
    }
    /// A hard mark is about to be committed.
    void marking(const std::string& path, std::uint64_t length) {
        const std::lock_guard lock{mutex_};
        const auto& file = files_[path];
        durable_name(path, file);
        if (length > file.synced)
            complain("is marked at " + std::to_string(length) + " bytes, but only " +
                         std::to_string(file.synced) + " are synced",
                     path);
    }
    /// A soft mark is about to be committed.
    void soft_marking(const std::string& path, std::uint64_t length) {
        const std::lock_guard lock{mutex_};
        if (length > files_[path].handed)
            complain("is soft-marked at " + std::to_string(length) + " bytes, but only " +
                         std::to_string(files_[path].handed) + " were handed over",
                     path);
    }
    /// The row that makes it garbage is committed: it may be removed from here on.
    void garbage_committed(const std::string& path) {
        const std::lock_guard lock{mutex_};
        files_[path].garbage = true;
    }
    /// It never had a row that promised it, so that it may be removed.
    void unlink_allowed(const std::string& path) { garbage_committed(path); }
    /// Its garbage row is about to be dropped.
    void forgetting(const std::string& path) {
        const std::lock_guard lock{mutex_};
        const auto& file = files_[path];
        if (!file.removed)
            complain("is forgotten before it is removed", path);
        else if (!file.name_durable)
            complain("is forgotten before its directory is synced", path);
    }
    /// Its garbage row is dropped.
    void forgotten(const std::string& path) {
        const std::lock_guard lock{mutex_};
        files_.erase(path);
    }
    std::vector<std::string> violations() const {
        const std::lock_guard lock{mutex_};
        return violations_;
    }
    /// All violations in lines; empty: there are none.
    std::string text() const {
        std::string lines;
        for (const auto& violation : violations()) lines += violation + '\n';
        return lines;
    }

    /// Whether the last part of a path is the name of an object.
    static bool is_data_file(std::string_view path) noexcept {
        const auto slash = path.rfind('/');
        return ObjectName::parse(slash == std::string_view::npos ? path : path.substr(slash + 1))
            .has_value();
    }

private:
    struct File {
        std::uint64_t length = 0;
        std::uint64_t handed = 0;  ///< to the kernel
        std::uint64_t synced = 0;
        bool changed = false;       ///< since the last sync
        bool name_durable = false;  ///< as it is now: there, or gone
        bool broken = false;        ///< a sync failed
        bool garbage = false;
        bool removed = false;

        void grow(std::uint64_t end, bool wrote) {
            if (!wrote) return;
            changed = true;
            length = std::max(length, end);
            handed = std::max(handed, end);
        }
        void synced_all() {
            if (broken) return;
            synced = length;
            changed = false;
        }
        void gone() {
            removed = true;
            name_durable = false;
        }
    };

    void synced_directory(const std::string& directory) {
        for (auto& [path, file] : files_)
            if (path.substr(0, path.rfind('/')) == directory) file.name_durable = true;
    }
    void removed(const std::string& path, File& file) {
        if (!file.garbage) complain("is removed before its garbage row is committed", path);
        file.gone();
    }
    void durable_name(const std::string& path, const File& file) {
        if (file.removed)
            complain("is given a row though it was removed", path);
        else if (!file.name_durable)
            complain("is given a row before its directory is synced", path);
    }
    void complain(const std::string& what, const std::string& path) {
        violations_.push_back(path + ' ' + what);
    }

    mutable std::mutex mutex_;
    std::map<std::string, File> files_;
    std::vector<std::string> violations_;
};

}  // namespace bobbin::testing

#endif
