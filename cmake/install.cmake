# install + find_package(postrider [COMPONENTS sqlite]).
include(CMakePackageConfigHelpers)
install(DIRECTORY include/postrider DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.hpp")
install(TARGETS postrider EXPORT postrider-targets)
install(EXPORT postrider-targets NAMESPACE postrider:: DESTINATION "${CMAKE_INSTALL_DATADIR}/cmake/postrider")
if(TARGET postrider_sqlite)
  install(TARGETS postrider_sqlite EXPORT postrider-sqlite-targets)
  install(EXPORT postrider-sqlite-targets NAMESPACE postrider:: DESTINATION "${CMAKE_INSTALL_DATADIR}/cmake/postrider")
endif()
configure_package_config_file(cmake/postrider-config.cmake.in
  "${CMAKE_CURRENT_BINARY_DIR}/postrider-config.cmake"
  INSTALL_DESTINATION "${CMAKE_INSTALL_DATADIR}/cmake/postrider")
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/postrider-config-version.cmake"
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES
  "${CMAKE_CURRENT_BINARY_DIR}/postrider-config.cmake"
  "${CMAKE_CURRENT_BINARY_DIR}/postrider-config-version.cmake"
  cmake/FindAsio.cmake
  DESTINATION "${CMAKE_INSTALL_DATADIR}/cmake/postrider")
