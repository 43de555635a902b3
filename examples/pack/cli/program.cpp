#include "cli/program.hpp"

#include "commands/commands.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <sstream>

namespace packs {
namespace {

constexpr const char* footer =
    "Exit codes: 0 done; 1 failed; 2 wrong usage; 3 some files could not be read; 4 damage found;\n"
    "5 locked by another bobbin-pack.\n\n"
    "Examples:\n"
    "  bobbin-pack --store /backup/work init\n"
    "  bobbin-pack --store /backup/work save -m 'before the experiment' ~/work\n"
    "  bobbin-pack --store /backup/work list\n"
    "  bobbin-pack --store /backup/work restore latest --to /tmp/work\n"
    "  bobbin-pack --store /backup/work prune --keep-daily 14 --keep-weekly 8\n"
    "The store is not encrypted: who can read its files can read what was saved.";

/// Where standard input, output or error is closed, the first file that is opened would take its place,
/// and what is printed would go into it. Null, for reading only, refuses it.
bool hold_standard_descriptors() {
    for (int fd = 0; fd <= STDERR_FILENO; ++fd)
        if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDONLY) != fd) return false;
    return true;
}

/// The exit code, once standard output has taken all that was printed.
int finish(int code) {
    errno = 0;
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
    print_error(std::string{"cannot write standard output"} +
                (errno == 0 ? "" : std::string{": "} + std::strerror(errno)));
    return code == exit_ok ? exit_failed : code;
}

class Program {
public:
    Program() : app_{"bobbin-pack saves directory trees: fast, once, durable, and as they were.", "bobbin-pack"} {
        app_.require_subcommand(1);
        app_.fallthrough();
        app_.footer(footer);
        app_.set_version_flag("--version", std::string{"bobbin-pack "} + PACK_VERSION);
        app_.add_option("--store", common_.store, "the store's directory")
            ->envname("BOBBIN_PACK_STORE")
            ->type_name("STORE");
        app_.add_flag("--json", common_.is_json, "print JSON, for programs");
        app_.add_flag("-q,--quiet", common_.is_quiet, "print errors only");
        app_.add_option("--wait", wait_, "seconds to wait for other bobbin-packs that use the store")
            ->type_name("SECONDS")
            ->check(range(0.0, 1e6));
        add_saving();
        add_looking();
        add_restoring();
        add_caring();
        refuse_empty_values(app_);
    }

    int run(int argc, char** argv) {
        try {
            app_.parse(argc, argv);
        } catch (const CLI::ParseError& e) {
            if (app_.get_subcommands().empty() && argc > 1 && argv[1][0] != '-' && e.get_exit_code() != 0) {
                print_error("there is no command '" + printable(argv[1]) + "'; see bobbin-pack --help");
                return exit_usage;
            }
            std::ostringstream help;
            const int code = app_.exit(e, help, std::cerr) == 0 ? exit_ok : exit_usage;
            (void)std::fputs(help.str().c_str(), stdout);
            return finish(code);
        }
        if (common_.store.empty()) {
            print_error("--store STORE is missing (or BOBBIN_PACK_STORE in the environment)");
            return exit_usage;
        }
        common_.wait = std::chrono::milliseconds{static_cast<std::int64_t>(wait_ * 1000)};
        return finish(chosen_());
    }

private:
    CLI::App& add(const char* name, const char* what, std::function<int()> call) {
        auto& command = *app_.add_subcommand(name, what);
        command.callback([this, call = std::move(call)] { chosen_ = call; });
        command.footer("See bobbin-pack --help for the exit codes and what all commands have in common.");
        return command;
    }

    void add_saving() {
        add("init", "make an empty store", [this] { return init(common_); });
        auto& command = add("save", "save a directory tree as a snapshot", [this] { return save(common_, save_); });
        command.add_option("path", save_.path, "the directory")->required()->type_name("PATH");
        command.add_option("-m,--message", save_.message, "what to remember of it")->type_name("TEXT");
        command.add_option("--tag", save_.tags, "a word to find it by; may be repeated")
            ->type_name("TAG")
            ->allow_extra_args(false)
            ->check([](const std::string& tag) {
                return tag.find('\n') != tag.npos ? std::string{"a tag is one line of text"} : "";
            });
        command.add_option("--exclude", save_.exclude, "leave out what a pattern matches, as in a .bobbinignore; may be repeated")
            ->type_name("PATTERN")
            ->allow_extra_args(false);
        command.add_flag("--exclude-caches", save_.exclude_caches, "of directories with a CACHEDIR.TAG, save that alone");
        command.add_flag("--one-file-system", save_.one_file_system, "save directories where others are mounted as empty");
        command.add_flag("--read-all", save_.reads_all, "read also files that look unchanged since the last save");
        command.add_flag("--no-sync", save_.no_sync, "don't wait for the disk: faster, and a loss of power may take the snapshot");
        command.add_option("--zstd", save_.zstd, "compress by zstd of this level, 1 to 19: smaller and slower than LZ4")
            ->type_name("LEVEL")
            ->check(range(1, 19));
        command.add_option("--threads", save_.threads, "1 to 32; as many as the processor runs, if not given")
            ->type_name("N")
            ->check(range(1, 32));
    }

    void add_looking() {
        auto& lists = add("list", "list the snapshots", [this] { return list(common_, path_, tag_); });
        lists.add_option("--path", path_, "only those of this directory")->type_name("PATH");
        lists.add_option("--tag", tag_, "only those with this tag")->type_name("TAG");
        auto& shows = add("show", "tell what is known of a snapshot", [this] { return show(common_, snapshot_); });
        add_snapshot(shows, snapshot_);
        auto& lists_files = add("ls", "list the files of a snapshot",
                                [this] { return ls(common_, snapshot_, path_, is_recursive_); });
        add_snapshot(lists_files, snapshot_);
        lists_files.add_option("path", path_, "a path in it")->type_name("PATH");
        lists_files.add_flag("-r,--recursive", is_recursive_, "and all that is below");
        auto& cats = add("cat", "print a file of a snapshot", [this] { return cat(common_, snapshot_, path_); });
        add_snapshot(cats, snapshot_);
        cats.add_option("path", path_, "its path in it")->required()->type_name("PATH");
        auto& diffs = add("diff", "tell what differs between two snapshots: + new, - gone, M content, m other, T kind",
                          [this] { return diff(common_, snapshot_, second_); });
        add_snapshot(diffs, snapshot_);
        diffs.add_option("to", second_, "the later one")->required()->type_name("ID|latest");
        auto& exports = add("export", "write a snapshot as a tar archive",
                            [this] { return export_tar(common_, snapshot_, path_, file_, skips_lost_); });
        add_snapshot(exports, snapshot_);
        exports.add_option("--path", path_, "only this part of it")->type_name("PATH");
        exports.add_flag("--skip-lost", skips_lost_, "leave out what the store has lost, and tell it");
        exports.add_option("--to", file_, "the file, which must not exist; standard output, if not given")
            ->type_name("FILE");
        add("stats", "count what the store holds", [this] { return stats(common_); });
    }

    void add_restoring() {
        auto& command = add("restore", "make a directory what it was in a snapshot",
                            [this] { return restore(common_, restore_); });
        add_snapshot(command, restore_.snapshot);
        command.add_option("--to", restore_.to, "the directory; where it was saved from, if not given")->type_name("DIR");
        command.add_option("--path", restore_.path, "only this part of the snapshot")->type_name("PATH");
        command.add_flag("-n,--dry-run", restore_.is_dry, "tell each path that would change, and change none");
        command.add_flag("--delete", restore_.deletes, "remove what the snapshot has not");
        command.add_flag("--force", restore_.is_forced, "also into a tree that this store does not know");
        command.add_flag("--compare", restore_.compares, "read also files whose size and time are right");
        command.add_flag("--skip-lost", restore_.skips_lost, "leave what the store has lost as it is, and tell it");
        command.add_flag_callback("--no-save", [this] { restore_.saves_first = false; }, "don't save what is there first");
        command.add_flag("--no-sync", restore_.no_sync, "don't wait for the disk");
        command.add_option("--threads", restore_.threads, "1 to 32; as many as the processor runs, if not given")
            ->type_name("N")
            ->check(range(1, 32));
    }

    void add_caring() {
        auto& verifies = add("verify", "read the packs, and compare all bytes with their digests",
                             [this] { return verify(common_, percent_); });
        verifies.add_option("--sample", percent_, "read so much of them, another share each day")
            ->type_name("PERCENT")
            ->check(range(0, 100));
        auto& repairs = add("repair", "save what can be saved of damaged packs, and tell what is lost",
                            [this] { return repair(common_, repair_); });
        repairs.add_option("--from", repair_.from, "a directory that may have what is missing")->type_name("PATH");
        repairs.add_flag("--adopt", repair_.adopts,
                         "first go on with packs that are older or younger than the catalog, or have lost their identity");
        repairs.add_flag("-n,--dry-run", repair_.is_dry, "tell what is damaged, and change nothing");
        auto& deletes = add("delete", "delete snapshots; prune gives their room back",
                            [this] { return delete_snapshots(common_, snapshots_); });
        deletes.add_option("snapshots", snapshots_, "by their ids")->required()->type_name("ID");
        auto& prunes = add("prune", "delete snapshots that no rule keeps, and remove what nothing needs",
                           [this] { return prune(common_, prune_); });
        const auto rule = [&](const char* name, unsigned& count, const char* what) {
            prunes.add_option(name, count, what)->type_name("N");
        };
        rule("--keep-last", prune_.last, "the last N of each directory");
        rule("--keep-hourly", prune_.hourly, "the last of each of the last N hours that have one; likewise below");
        rule("--keep-daily", prune_.daily, "of N days");
        rule("--keep-weekly", prune_.weekly, "of N weeks");
        rule("--keep-monthly", prune_.monthly, "of N months");
        rule("--keep-yearly", prune_.yearly, "of N years");
        prunes.add_option("--keep-tag", prune_.tags, "all that have this tag; may be repeated")
            ->type_name("TAG")
            ->allow_extra_args(false);
        prunes.add_option("--dead", prune_.dead_percent, "write packs anew of which more than this is dead; 20, if not given")
            ->type_name("PERCENT")
            ->check(range(0, 100));
        prunes.add_flag("-n,--dry-run", prune_.is_dry, "tell what would go, and change nothing");
    }

    /// A script whose variable is not set means no default: `--to ""` is not "in place".
    static void refuse_empty_values(CLI::App& command) {
        for (auto* const option : command.get_options([](const CLI::Option* o) { return o->get_items_expected_max() != 0; }))
            if (!option->check_lname("message"))
                option->check([](const std::string& value) { return value.empty() ? "may not be empty" : std::string{}; });
        for (auto* const inner : command.get_subcommands([](const CLI::App*) { return true; })) refuse_empty_values(*inner);
    }

    /// CLI11's own prints type and bounds in the help, where the text has them in words.
    template <class T>
    static CLI::Validator range(T from, T to) {
        CLI::Range range{from, to};
        range.description("");
        return range;
    }

    static void add_snapshot(CLI::App& command, std::string& to) {
        command.add_option("snapshot", to, "'latest', or 4 or more digits of its id")->required()->type_name("ID|latest");
    }

    CLI::App app_;
    std::function<int()> chosen_;
    Common common_;
    double wait_ = 0;
    SaveRequest save_;
    RestoreRequest restore_;
    RepairRequest repair_;
    PruneRequest prune_;
    std::string snapshot_, second_, path_, tag_, file_;
    std::vector<std::string> snapshots_;
    bool is_recursive_ = false;
    bool skips_lost_ = false;
    unsigned percent_ = 100;
};

}  // namespace

int run_program(int argc, char** argv) {
    if (!hold_standard_descriptors()) {
        print_error(std::string{"standard input, output or error is closed, and /dev/null can't be opened: "} + std::strerror(errno));
        return exit_failed;
    }
    try {
        return Program{}.run(argc, argv);
    } catch (const Failure& failure) {
        (void)std::fflush(stdout);
        print_error(failure.what());
        return failure.code;
    } catch (const std::exception& error) {
        print_error(error.what());
        return exit_failed;
    }
}

}  // namespace packs
