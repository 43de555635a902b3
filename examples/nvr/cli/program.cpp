#include "cli/program.hpp"

#include "camera/source.hpp"
#include "cli/check_command.hpp"
#include "cli/demo.hpp"
#include "cli/log.hpp"
#include "cli/serve.hpp"
#include "cli/sizes.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <cstdio>
#include <filesystem>

namespace nvr {
namespace {

constexpr const char* exit_codes =
    "Exit codes: 0 done; 1 failed; 2 wrong usage; 3 stopped at once by a second signal (what was\n"
    "acknowledged is safe); 4 check found damage.";

constexpr int rotate_run = 60, rotate_demo = 10;  // seconds

struct Words {
    std::string directory;
    CheckRequest check;
    std::vector<std::string> cameras;
    std::string listen = "127.0.0.1:8080";
    std::string retain;
    std::string scrub = "4MiB";
    int rotate = 0;
    bool allow_unauthenticated = false;
};

struct UsageError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

NewCamera camera_of(const std::string& word) {
    const auto equals = word.find('=');
    if (equals == std::string::npos || equals == 0 || equals > 100)
        throw UsageError{"--camera takes NAME=URL, for example door=rtsp://192.168.1.20/stream1; got " +
                         log::redacted(word)};
    NewCamera camera{word.substr(0, equals), word.substr(equals + 1)};
    if (const auto problem = problem_with(camera.url)) throw UsageError{"camera " + camera.name + ": " + *problem};
    if (camera.url.find("://") == std::string::npos) {
        if (!std::filesystem::is_regular_file(camera.url))
            throw UsageError{"camera " + camera.name + ": there is no file " + camera.url};
        camera.url = std::filesystem::absolute(camera.url).string();
    }
    return camera;
}

ServiceOptions options_of(const Words& words) {
    ServiceOptions options;
    options.directory = words.directory;
    for (const auto& word : words.cameras) {
        auto camera = camera_of(word);
        for (const auto& other : options.cameras)
            if (other.name == camera.name) throw UsageError{"camera " + camera.name + " is given twice"};
        options.cameras.push_back(std::move(camera));
    }
    if (!http::parse_listen_address(words.listen, options.server.host, options.server.port))
        throw UsageError{"--listen takes HOST:PORT, for example 127.0.0.1:8080"};
    if (!words.retain.empty()) {
        if (words.cameras.empty())
            throw UsageError{"--retain is the quota of the cameras given with --camera; give one"};
        options.retain = parse_size(words.retain);
        if (!options.retain)
            throw UsageError{"--retain takes a size above zero, for example 500GiB: what the recordings of one "
                             "stream may take on disk"};
    }
    const auto scrub = words.scrub == "0" ? bobbin::Bytes{} : parse_size(words.scrub);
    if (!scrub) throw UsageError{"--scrub takes a size, for example 4MiB: what is read again in a second; or 0"};
    options.scrub = *scrub;
    if (words.rotate < 1 || words.rotate > 120) throw UsageError{"--rotate takes 1 to 120 seconds"};
    options.rotate = std::chrono::seconds{words.rotate};
    options.allow_unauthenticated = words.allow_unauthenticated;
    return options;
}

void add_serving(CLI::App& command, Words& words) {
    command.add_option("--listen", words.listen, "where to serve the page and the API; port 0 is any free one")
        ->type_name("HOST:PORT")
        ->capture_default_str();
    command.add_option("--rotate", words.rotate, "seconds of one recording, 1 to 120")
        ->type_name("SECONDS")
        ->capture_default_str();
    command.add_option("--retain", words.retain,
                       "quota of each camera given here; without one, equal shares of 90 % of the free space")
        ->type_name("SIZE");
    command.add_option("--scrub", words.scrub,
                       "read recordings again, so much in a second and all of them once a day at most, and set aside "
                       "what is damaged; 0: never")
        ->type_name("SIZE")
        ->capture_default_str();
    command.add_flag("--allow-unauthenticated", words.allow_unauthenticated,
                     "let everybody who can connect watch; needed to listen on other than loopback");
}

int demo(Words words) {
    if (words.directory.empty()) words.directory = make_temporary_directory();
    make_directory(words.directory);
    const auto clip = words.directory + "/clip.mp4";
    std::fprintf(stderr, "bobbin-nvr: the demo is in %s\n", words.directory.c_str());
    make_clip(clip);
    words.cameras = {"demo=" + clip};
    return serve(options_of(words));
}

}  // namespace

int run_program(int argc, char** argv) {
    CLI::App app{"bobbin-nvr records the video of network cameras, and shows it.", "bobbin-nvr"};
    app.require_subcommand(1);
    app.footer(exit_codes);
    Words words;

    auto& run = *app.add_subcommand("run", "record and serve");
    run.add_option("--dir", words.directory, "where the catalog and the recordings are, made if missing")
        ->required()
        ->type_name("DIR");
    run.add_option("--camera", words.cameras,
                   "add a camera, or change its address: rtsp://… or a video file, played in a loop; may be repeated")
        ->type_name("NAME=URL")
        ->allow_extra_args(false);
    words.rotate = rotate_run;
    add_serving(run, words);
    run.footer(exit_codes);

    auto& show = *app.add_subcommand("demo", "make a clip, play it as a camera, record and serve it");
    show.add_option("--dir", words.directory, "where to record; without it, a temporary directory")->type_name("DIR");
    words.rotate = rotate_demo;
    add_serving(show, words);
    show.footer(exit_codes);

    auto& check = *app.add_subcommand("check", "compare the catalog with the recordings; changes nothing but with --apply");
    check.add_option("--dir", words.check.directory, "the recorder's directory")->required()->type_name("DIR");
    check.add_flag("--read-data", words.check.read_data, "read all recordings and compare their digests");
    check.add_flag("--repair", words.check.repair, "say what a repair would do");
    check.add_flag("--adopt", words.check.adopt,
                   "the same for recordings that are refused: their identity is lost, or they or the catalog were "
                   "restored from an older copy");
    check.add_flag("--apply", words.check.apply, "with --repair or --adopt: do it; no recording is deleted by that");
    check.footer(exit_codes);

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        if (app.get_subcommands().empty() && argc > 1 && argv[1][0] != '-') {
            std::fprintf(stderr, "bobbin-nvr: there is no command '%s'; see bobbin-nvr --help\n", argv[1]);
            return exit_usage;
        }
        return app.exit(e) == 0 ? exit_ok : exit_usage;
    }
    try {
        if (run.parsed() && run.count("--rotate") == 0) words.rotate = rotate_run;
        if (run.parsed()) return serve(options_of(words));
        if (show.parsed()) return demo(words);
        if (words.check.apply && !words.check.repair && !words.check.adopt)
            throw UsageError{"--apply does what --repair or --adopt says; give one of them, too"};
        return check_command(words.check);
    } catch (const UsageError& e) {
        std::fprintf(stderr, "bobbin-nvr: %s\n", e.what());
        return exit_usage;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "bobbin-nvr: %s\n", e.what());
        return exit_failed;
    }
}

}  // namespace nvr
