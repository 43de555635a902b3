#include "commands/commands.hpp"

namespace packs {

int init(const Common& common) {
    Repository::create(common.store, common.wait);
    if (common.is_json)
        print_json({{"store", json_text(common.store)}});
    else if (!common.is_quiet)
        print_line("made an empty store in " + printable(common.store));
    return exit_ok;
}

}  // namespace packs
