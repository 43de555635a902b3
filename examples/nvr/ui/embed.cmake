# Writes the files of FOLDER into the source file OUTPUT. Names get a hash of the content; references to them, in modules
# and in the page, follow. A module must come before those that import it.
set(modules format.js api.js player.js app.js)
set(others style.css icon.svg)
set(type_js "text/javascript; charset=utf-8")
set(type_css "text/css; charset=utf-8")
set(type_svg "image/svg+xml")
set(type_html "text/html; charset=utf-8")

set(renames)
set(rows "")

function(add_file path type content)
  # Bytes in hexadecimal: no character needs care. Literals have a limit, so rows of a fixed length are joined.
  file(WRITE "${OUTPUT}.part" "${content}")
  file(READ "${OUTPUT}.part" hex HEX)
  file(REMOVE "${OUTPUT}.part")
  string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" hex "${hex}")
  string(REGEX REPLACE "([^\n]+)\n?" "        \"\\1\"\n" hex "${hex}")
  string(APPEND rows "    {\"${path}\", \"${type}\", std::string_view{\n${hex}        \"\", LENGTH_${path}}},\n")
  string(LENGTH "${content}" length)
  string(REPLACE "LENGTH_${path}" "${length}" rows "${rows}")
  set(rows "${rows}" PARENT_SCOPE)
endfunction()

foreach(name IN LISTS others modules ITEMS index.html)
  file(READ "${FOLDER}/${name}" content)
  foreach(rename IN LISTS renames)
    string(REPLACE "=" ";" rename "${rename}")
    list(GET rename 0 old)
    list(GET rename 1 new)
    string(REPLACE "./${old}" "/ui/${new}" content "${content}")
  endforeach()
  cmake_path(GET name EXTENSION LAST_ONLY extension)
  string(SUBSTRING "${extension}" 1 -1 extension)
  if(name STREQUAL "index.html")
    add_file("/" "${type_html}" "${content}")
  else()
    string(SHA256 hash "${content}")
    string(SUBSTRING "${hash}" 0 12 hash)
    cmake_path(GET name STEM stem)
    list(APPEND renames "${name}=${stem}.${hash}.${extension}")
    add_file("/ui/${stem}.${hash}.${extension}" "${type_${extension}}" "${content}")
  endif()
endforeach()

file(WRITE "${OUTPUT}" "#include \"ui/files.hpp\"

namespace nvr {
namespace {

constexpr UiFile files[] = {
${rows}};

}  // namespace

std::span<const UiFile> ui_files() { return files; }

}  // namespace nvr
")
