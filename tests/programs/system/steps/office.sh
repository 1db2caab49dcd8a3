#!/bin/bash
# office.sh: LibreOffice turns a document with tables, lists and a picture into four formats, one after the other.
# Compared: the text and the number of pages of the PDF, the text inside the others.
. "$(dirname "$0")/../inside.sh"

packages=(libreoffice-writer-nogui fonts-dejavu-core poppler-utils unzip imagemagick)

write_document() { # as HTML
	local i
	convert -size 200x120 plasma:red-blue -seed 4 picture.png
	echo '<html><head><meta charset="utf-8"><title>Report</title></head><body><h1>Report</h1><img src="picture.png">'
	for ((i = 1; i <= 120; i++)); do
		echo "<h2>Section $i</h2><p>Paragraph $i with <b>bold</b>, <i>italic</i> and äöü €: $(seq -s ' ' "$i" $((i + 60)))</p>"
		echo "<ul><li>one $i</li><li>two</li></ul><table border=1><tr><td>$i</td><td>$((i * i))</td></tr><tr><td>a</td><td>b</td></tr></table>"
	done
	echo '</body></html>'
}

convert_to() { # FORMAT FILE OPTION...
	soffice --headless --norestore -env:UserInstallation=file:///trial/home/profile "${@:3}" \
		--convert-to "$1" --outdir /trial/home "$2" >&2
}

show_text() { # FILE MEMBER: of an archive of XML
	unzip -p "$1" "$2" | sed 's/<[^>]*>/\n/g' | grep -v '^$'
}

convert_all() {
	cd
	write_document >report.html
	convert_to odt:writer8 report.html --infilter='HTML (StarWriter)'
	convert_to docx report.odt
	convert_to pdf report.docx
	convert_to txt:Text report.odt
	pdfinfo report.pdf | grep -E '^(Pages|Page size)'
	pdftotext -layout report.pdf -
	show_text report.odt content.xml
	show_text report.docx word/document.xml
	sha256sum report.txt
}

session() {
	export -f write_document convert_to show_text convert_all
	as_user bash -e -o pipefail -c convert_all
}

main "$@"
