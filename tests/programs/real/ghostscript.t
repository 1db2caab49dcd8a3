#!/bin/bash
# ghostscript.t: a generated PostScript document drawn to PNG, made into PDF, and that PDF drawn again.
. "$(dirname "$0")/../../lib.sh"
. "$(dirname "$0")/common.sh"

cat >"$scratch/page.ps" <<'END'
%!PS
/seed 7 def
/random { /seed seed 1103 mul 12345 add 65536 mod store seed exch mod } def
/star { % x y radius
	/radius exch def gsave translate newpath radius 0 moveto
	1 1 11 { /angle exch 30 mul def /length radius angle 60 mod 0 eq { 1 } { 0.4 } ifelse mul def
		angle cos length mul angle sin length mul lineto } for
	closepath gsave 100 random 100 div 100 random 100 div 0.6 setrgbcolor fill grestore stroke grestore } def
/words { /Times-Roman findfont 11 scalefont setfont 1 1 40 { 16 mul 60 exch moveto
	1 1 10 { pop 9999 random 20 string cvs show ( and ) show } for } for } def
1 1 6 {
	/page exch def
	/Helvetica-Bold findfont 40 scalefont setfont 60 720 moveto (Page ) show page 10 string cvs show
	1 1 300 { pop 600 random 780 random 5 60 random add star } for
	words
	/Courier findfont [ 30 page 3 add 0 40 0 0 ] makefont setfont 80 300 moveto (Outlines) true charpath gsave clip
	1 1 200 { pop 600 random 600 random moveto 600 random 600 random 600 random 600 random 600 random 600 random curveto stroke } for
	grestore stroke
	gsave 300 100 translate 200 200 scale 64 64 8 [ 64 0 0 64 0 0 ] { 64 string 0 1 63 { 1 index exch 256 random put } for } false 3 colorimage grestore
	gsave << /ShadingType 3 /ColorSpace /DeviceRGB /Coords [ 500 600 0 500 600 90 ]
		/Function << /FunctionType 2 /Domain [ 0 1 ] /C0 [ 1 0 0 ] /C1 [ 0 0 1 ] /N 1 >> >> shfill grestore
	/kept [ 1 1 20000 { dup 7 mod string } for ] def
	showpage
} for
END

draw() {
	run gs -q -dSAFER -dBATCH -dNOPAUSE -sDEVICE=png16m -r100 -dTextAlphaBits=4 -dGraphicsAlphaBits=4 \
		-sOutputFile=page%d.png "$scratch/page.ps" || return
	run gs -q -dSAFER -dBATCH -dNOPAUSE -sDEVICE=ppmraw -r150 -dNumRenderingThreads=2 -dBandHeight=100 -dMaxBitmap=0 \
		-sOutputFile=page%d.ppm "$scratch/page.ps" || return
	# The PDF itself holds its date and an identifier: what it looks like is compared, and its text.
	run gs -q -dSAFER -dBATCH -dNOPAUSE -sDEVICE=pdfwrite -sOutputFile=pages.pdf "$scratch/page.ps" || return
	run gs -q -dSAFER -dBATCH -dNOPAUSE -sDEVICE=pnggray -r80 -sOutputFile=again%d.png pages.pdf || return
	run gs -q -dSAFER -dBATCH -dNOPAUSE -sDEVICE=txtwrite -sOutputFile=pages.txt pages.pdf || return
	digest ./*.png ./*.ppm pages.txt
	wc -w pages.txt
}
need 'ghostscript: PostScript to PNG, PPM and PDF, PDF to PNG and text' gs &&
	twice 'ghostscript: PostScript to PNG, PPM and PDF, PDF to PNG and text' draw

done_testing
