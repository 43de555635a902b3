#ifndef PACKS_COMMANDS_COMMANDS_HPP
#define PACKS_COMMANDS_COMMANDS_HPP

#include "cli/output.hpp"

#include <optional>
#include <string>
#include <vector>

namespace packs {

// Each answers the exit code, and throws Failure for all that keeps it from doing its work.

int init(const Common& common);

struct SaveRequest {
    std::string path;
    std::string message;
    std::vector<std::string> tags;
    std::vector<std::string> exclude;
    bool exclude_caches = false;
    bool one_file_system = false;
    bool reads_all = false;  ///< also what has not changed
    bool takes_ignored = false;
    bool no_sync = false;
    int zstd = 0;  ///< level; 0: LZ4
    unsigned threads = 0;
};
int save(const Common& common, const SaveRequest& request);

int list(const Common& common, const std::string& path, const std::string& tag);
int show(const Common& common, const std::string& snapshot);
int ls(const Common& common, const std::string& snapshot, const std::string& path,
       bool is_recursive);
int cat(const Common& common, const std::string& snapshot, const std::string& path);
int diff(const Common& common, const std::string& from, const std::string& to);
int export_tar(const Common& common, const std::string& snapshot, const std::string& path,
               const std::string& file, bool skips_lost);

struct RestoreRequest {
    std::string snapshot;
    std::string to;    ///< empty: where it was saved from
    std::string path;  ///< of the part; empty: all
    bool is_dry = false;
    bool deletes = false;
    bool is_forced = false;
    bool compares = false;
    bool skips_lost = false;
    bool saves_first = true;
    bool no_sync = false;
    unsigned threads = 0;
};
int restore(const Common& common, const RestoreRequest& request);

int verify(const Common& common, unsigned percent);

struct RepairRequest {
    std::string from;  ///< a tree that may have what is missing; empty: none
    bool adopts = false;  ///< packs that the catalog refuses
    bool is_dry = false;
};
int repair(const Common& common, const RepairRequest& request);

int delete_snapshots(const Common& common, const std::vector<std::string>& snapshots);

struct PruneRequest {
    unsigned last = 0, hourly = 0, daily = 0, weekly = 0, monthly = 0, yearly = 0;
    std::vector<std::string> tags;
    unsigned dead_percent = 20;
    bool is_dry = false;

    bool has_rules() const noexcept {
        return last + hourly + daily + weekly + monthly + yearly != 0 || !tags.empty();
    }
};
int prune(const Common& common, const PruneRequest& request);

int stats(const Common& common);

}  // namespace packs

#endif
